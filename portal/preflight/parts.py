"""The parts in the order in which one stands on the other."""

from collections.abc import Iterator

from django.core.checks import Tags, registry, run_checks

from portal.preflight.aws import bucket_serves_templates, identity_reaches_the_integration_role
from portal.preflight.database import (
    roles_are_held,
    roles_get_in,
    schema_is_ours,
    sealed_values_are_read,
    tenants_are_apart,
)
from portal.preflight.encryption import nothing_goes_in_the_clear
from portal.preflight.report import Check, Look, Wrong, look_at
from portal.preflight.services import broker_takes_messages, cache_keeps, clocks_agree, mail_server_takes_mail


def settings_are_sound() -> str:
    """What `manage.py check --deploy` says."""
    tags = [tag for tag in registry.registry.tags_available(deployment_checks=True) if tag != Tags.database]
    for message in run_checks(tags=tags, include_deployment_checks=True):
        raise Wrong(f"{message.msg} ({message.id})", message.hint or "`python manage.py check --deploy` says more.")
    return "nothing to say against them"


PARTS: tuple[tuple[str, Look], ...] = (
    ("settings", settings_are_sound),
    ("database", roles_get_in),
    ("database_roles", roles_are_held),
    ("schema", schema_is_ours),
    ("row_level_security", tenants_are_apart),
    ("sealed_values", sealed_values_are_read),
    ("broker", broker_takes_messages),
    ("cache", cache_keeps),
    ("mail", mail_server_takes_mail),
    ("encryption", nothing_goes_in_the_clear),
    ("clock", clocks_agree),
    ("vendor_identity", identity_reaches_the_integration_role),
    ("template_bucket", bucket_serves_templates),
)


def preflight() -> Iterator[Check]:
    """Look at every part; each is given as soon as it is known."""
    return look_at(PARTS)
