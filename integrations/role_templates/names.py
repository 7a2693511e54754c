"""What the customer's roles are called. Pure: models and renderers share it."""

import re

from integrations.aws.arns import validate_role_name

DEFAULT_NAME_PATTERN = "rolebridge-{connection}-{component}"

_REFERENCE = re.compile(r"[a-z0-9]{1,16}")


def role_name(connection_ref: str, component_id: str, pattern: str = DEFAULT_NAME_PATTERN) -> str:
    """The customer role's name: the short connection id in it lets two connections share one account."""
    if not _REFERENCE.fullmatch(connection_ref):
        raise ValueError("A connection's short id has 1 to 16 characters out of a-z and 0-9.")
    name = pattern.replace("{connection}", connection_ref).replace("{component}", component_id)
    return validate_role_name(name)
