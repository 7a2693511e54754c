"""All that is kept about one person, as one JSON document that they read themselves.

It says nothing of anybody else: of an audit event it tells what the person did, when and from where, and not to what or
to whom. What opens doors (hashes, seeds, keys of sessions) is left out.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from tenants.models import ApiToken, AuditEvent, Member, NotificationAddress, Recovery, User
from tenants.scope import call, tenant_scope

AT_ONCE = 500


def personal_data(user: User, may_read: Callable[[Member], bool]) -> Iterator[str]:
    """The document, piece by piece. Rows are read in short transactions, so that a slow reader holds none open. No
    scope is open. Of an organisation that `may_read` denies it says no more than its name and the person's role.
    """
    head = {
        "exported_at": timezone.now(),
        "account": {
            "id": user.pk,
            "email": user.email,
            "signed_up_at": user.date_joined,
            "last_signed_in_at": user.last_login,
            "is_support_staff": user.is_staff,
            "agreed_to_terms_at": user.terms_agreed_at,
            "agreed_to_terms_of": user.terms_url,
        },
        "email_addresses": list(
            EmailAddress.objects.filter(user=user).order_by("pk").values("email", "verified", "primary")
        ),
        "second_factors": list(
            Authenticator.objects.filter(user=user).order_by("pk").values("type", "created_at", "last_used_at")
        ),
        "sessions": [
            {"signed_in_at": one.created_at, "address": one.ip, "browser": one.user_agent}
            for one in UserSession.objects.purge_and_list(user)
        ],
    }
    yield f'{_json(head)[:-1]}, "organisations": ['
    separator = "\n"
    for (tenant_id,) in call("tenants_of_user", user.pk):
        with tenant_scope(tenant_id):
            member = Member.objects.select_related("tenant").filter(tenant_id=tenant_id, user=user).first()
            if member is None:  # they left just now
                continue
            described = _organisation(member, user) if may_read(member) else _withheld(member)
        if "withheld" in described:
            yield f"{separator}{_json(described)}"
            separator = ",\n"
            continue
        yield f'{separator}{_json(described)[:-1]}, "what_you_did": ['
        yield from _events(tenant_id, user)
        yield "]}"
        separator = ",\n"
    yield "]}\n"


def _organisation(member: Member, user: User) -> dict[str, Any]:
    mine = {"tenant_id": member.tenant_id}
    addresses = NotificationAddress.objects.filter(**mine, email=user.email)
    recoveries = Recovery.objects.filter(**mine, email=user.email).order_by("requested_at")
    tokens = ApiToken.objects.filter(**mine, created_by=user).order_by("created_at")
    return {
        "name": member.tenant.name,
        "role": member.role,
        "member_since": member.created_at,
        "notifications": {
            # Whom the organisation tells: its owners, and the addresses it has added.
            "told_as_owner": member.role == "owner",
            "told_at_this_address": list(addresses.values("email", "created_at", "verified_at")),
        },
        "recoveries": list(recoveries.values("kind", "requested_at", "effective_at", "cancelled_at", "done_at")),
        "api_tokens": list(
            tokens.values("name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
        ),
    }


def _withheld(member: Member) -> dict[str, Any]:
    return {
        "name": member.tenant.name,
        "role": member.role,
        "member_since": member.created_at,
        "withheld": "This organisation asks its members for a second factor or to sign in by its own provider, and "
        "this session has not shown it. Show a second factor and download it again, or ask one of its owners.",
    }


def _events(tenant_id: UUID, user: User) -> Iterator[str]:
    separator, last = "\n", 0
    while True:
        with tenant_scope(tenant_id):
            # `staff` too: whoever is support staff, and a member, did what they did.
            found = AuditEvent.objects.for_tenant(tenant_id).filter(
                actor_kind__in=["user", "staff"], actor_id=str(user.pk), pk__gt=last
            )
            events = list(found.order_by("pk")[:AT_ONCE])
        for event in events:
            told = {"at": event.at, "action": event.action, "what": event.label, "address": event.address}
            yield f"{separator}{_json(told)}"
            separator = ",\n"
        if len(events) < AT_ONCE:
            return
        last = events[-1].pk


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
