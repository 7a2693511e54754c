"""What the customer's roles are called. Pure: models and renderers share it."""

import re

from integrations.aws.arns import validate_role_name

_REFERENCE = re.compile(r"[a-z0-9]{1,16}")


def role_name(connection_ref: str, component_id: str) -> str:
    """The customer role's name: the short connection id in it lets two connections share one account."""
    if not _REFERENCE.fullmatch(connection_ref):
        raise ValueError("A connection's short id has 1 to 16 characters out of a-z and 0-9.")
    return validate_role_name(f"rolebridge-{connection_ref}-{component_id}")
