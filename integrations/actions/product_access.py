"""What the vendor's product reads with a service token: which customer roles it may use, how, and what changed.

Read across tenants as the database role `product`, for which roles that must not be used do not exist. That is what
makes quarantine, pause and the emergency stop bind the product (docs/adr/0018).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import Prefetch, QuerySet

from integrations.actions.targets import verification_target
from integrations.aws.assume_role import AssumeRole
from integrations.aws.errors import AwsCallFailed
from integrations.aws.session_plan import SessionPlan, session_plan
from integrations.aws.sts_regions import sts_regions
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, StatusChange
from integrations.models.role_options import ROLE_OPTION_FIELDS
from integrations.vendor import vendor_settings
from tenants.scope import PRODUCT, call, installation_scope

logger = logging.getLogger(__name__)

# How many changes are given their place in the feed by one look at it; more take another.
NUMBERED_AT_ONCE = 2000
_OF_TENANT = ("id", "reference", "customer_number")
_OF_CONNECTION = (
    "id",
    "tenant",
    "reference",
    "external_id",
    "account_id",
    "created_at",
    "asked_at",
    "worst_status",
    "worst_status_since",
    *ROLE_OPTION_FIELDS,
)
_OF_ROLE = ("id", "tenant", "connection", "component", "status", "status_since")
_OF_CHANGE = ("id", "tenant", "connection", "component", "at", "before", "after", "cause", "feed_position")


@dataclass(frozen=True)
class UsableRole:
    """A customer role that may be used now, and the calls that open a session in it."""

    role: CustomerRole
    arn: str
    external_id: str
    plan: SessionPlan


def usable_connections() -> QuerySet[Connection]:
    """The connections of all tenants, each with those of its roles that may be used; needs `product_scope`."""
    roles = CustomerRole.objects.only(*_OF_ROLE)
    only = (*_OF_CONNECTION, *(f"tenant__{field}" for field in _OF_TENANT))
    return Connection.objects.select_related("tenant").only(*only).prefetch_related(Prefetch("roles", queryset=roles))


def usable_roles(connection: Connection) -> list[UsableRole]:
    """Those of the connection's roles that may be used now. A role of a component that left the catalogue may not."""
    return [
        usable
        for role in connection.roles.all()
        if catalogue().offers(role.component) and (usable := _usable(connection, role)) is not None
    ]


def _usable(connection: Connection, role: CustomerRole) -> UsableRole | None:
    vendor = vendor_settings()
    try:
        target = verification_target(connection, role)
        plan = session_plan(vendor, target)
    except (AwsCallFailed, ValueError):  # it breaks a limit of STS; its verifications say so to whoever must act
        logger.exception("No session can be opened in the role of %s, connection %s", role.component, connection.pk)
        return None
    return UsableRole(role, str(target.role_arn(vendor)), target.external_id, plan)


def session_policies(plan: SessionPlan) -> list[dict[str, Any]]:
    """The session policies of the last hop as boto3 takes them, the most exact first."""
    last = plan.hops[-1]
    return [_policy_parameters(last, policy.text, policy.policy_arns) for policy in plan.session_policies]


def _policy_parameters(last: AssumeRole, text: str | None, arns: tuple[str, ...]) -> dict[str, Any]:
    checked = AssumeRole(role_arn=last.role_arn, session_name=last.session_name, policy=text, policy_arns=arns)
    return {name: value for name, value in checked.parameters().items() if name in {"Policy", "PolicyArns"}}


def chain_settings() -> dict[str, Any]:
    """What every session of the product shares."""
    vendor = vendor_settings()
    return {
        "kind": vendor.chain,
        "partition": vendor.partition,
        "sts_regions": sts_regions(vendor),
        "product_tag": {"key": vendor.product_tag_key, "value": vendor.product_tag_value},
    }


def feed_end() -> int:
    """The highest place that was given in the feed. Whatever is read after it holds every change up to it; needs
    `product_scope`.
    """
    with connections[PRODUCT].cursor() as cursor:
        cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM integrations_feed_position")
        end: int = cursor.fetchone()[0]
    return end


def give_places() -> int:
    """Give the changes that have become visible their places in the feed, in a transaction of its own; how many."""
    with installation_scope():
        ((numbered,),) = call("number_events", NUMBERED_AT_ONCE)
    return int(numbered)


def changes_after(position: int, most: int) -> Sequence[StatusChange]:
    """The changes behind this place in the feed, in its order; needs `product_scope`, after `give_places`."""
    return list(
        StatusChange.objects.only(*_OF_CHANGE).filter(feed_position__gt=position).order_by("feed_position")[:most]
    )
