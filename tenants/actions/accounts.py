"""A person's own account: what is kept about them handed out, and the account deleted.

A person is not a tenant's: their row stands in no scope, and rows of several tenants may name it. Their scopes are
opened one after the other within one transaction here, so that the person leaves all of them or none.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import IntegrityError
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

from tenants import audit, limits
from tenants.actions.members import LastOwner, leave
from tenants.actions.recovery import call_off
from tenants.audit import Actor
from tenants.mail import send_on_commit
from tenants.models import ApiToken, Invitation, Member, Recovery, Tenant, User
from tenants.permissions import Role
from tenants.personal_data import personal_data
from tenants.scope import call, installation_scope, tenant_scope

logger = logging.getLogger(__name__)
MOST_EXPORTS_AN_HOUR = 10
MOST_CODES_AN_HOUR = 5
CODE_LENGTH, CODE_LETTERS = 8, "BCDFGHJKLMNPQRSTVWXZ23456789"  # none is taken for another, and no word comes of them
ATTEMPTS = 3


class CannotDelete(ValueError):
    """The account has to stay for now; the message says why, and what to do first."""


def export_account(*, user: User, by: Actor, may_read: Callable[[Member], bool]) -> Iterator[str]:
    """All that is kept about a person, as the pieces of one JSON document. No scope is open.

    Args:
        user: the person.
        by: who asks.
        may_read: whether whoever asks has shown what the member's organisation asks for.

    Raises:
        TooOften: nothing is handed out.
    """
    limits.count(
        "account_exports",
        user.pk,
        most=MOST_EXPORTS_AN_HOUR,
        seconds=3600,
        message=_("Your data can be downloaded %(most)s times an hour. Try again in an hour.")
        % {"most": MOST_EXPORTS_AN_HOUR},
    )
    audit.record("account:exported", by=_unnamed(by), tenant_id=None, target=user)
    return personal_data(user, may_read)


def mail_deletion_code(*, user: User) -> str:
    """Mail a code to the person, and give it: whoever deletes an account for good holds its mailbox too. A password
    that somebody found is not enough, least of all where an organisation asks for more to be let in.

    Raises:
        TooOften: nothing is mailed.
    """
    limits.count(
        "account_deletion_codes",
        user.pk,
        most=MOST_CODES_AN_HOUR,
        seconds=3600,
        message=_("We mail %(most)s codes an hour. Use the last one, or try again in an hour.")
        % {"most": MOST_CODES_AN_HOUR},
    )
    code = get_random_string(CODE_LENGTH, CODE_LETTERS)
    send_on_commit("account_deletion_code", user.email, code=code)
    return code


def owned_alone(user: User) -> list[Tenant]:
    """The tenants that would have no owner without this person. No scope is open."""
    found = []
    for (tenant_id,) in call("tenants_of_user", user.pk):
        with tenant_scope(tenant_id):
            owners = Member.objects.filter(tenant_id=tenant_id, role=Role.OWNER)
            if owners.filter(user=user).exists() and not owners.exclude(user=user).exists():
                found.append(Tenant.objects.get(pk=tenant_id))
    return found


def is_the_vendors(user: User) -> bool:
    """Whether the account is no person's own to delete: support staff's, or of somebody who was, whose acts Django
    admin's log holds by their row.
    """
    return user.is_staff or user.is_superuser or LogEntry.objects.filter(user=user).exists()


def delete_account(*, user: User, by: Actor) -> None:
    """Delete a person for good: memberships, API tokens, sessions, and the row itself. Audit events stay. Deleting
    twice changes nothing. No scope is open.

    Raises:
        CannotDelete: nothing is changed.
    """
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            with installation_scope():
                _delete(user.pk, by)
        except IntegrityError:
            # Another row names them since we looked: they joined an organisation, or made a token, at this moment.
            if not attempts_left:
                raise
        else:
            return


def _delete(user_id: UUID, by: Actor) -> None:
    # The tenants' locks come before the person's, and in one order: whoever else takes both does the same.
    tenant_ids = [tenant_id for (tenant_id,) in call("tenants_that_name_user", user_id)]
    for tenant_id in tenant_ids:
        with tenant_scope(tenant_id):
            Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        return
    if is_the_vendors(user):
        raise CannotDelete(_("Accounts of support staff belong to the vendor. Ask a colleague to end yours."))
    alone = [tenant.name for tenant_id in tenant_ids if (tenant := _leave(tenant_id, user, by)) is not None]
    if alone:
        raise CannotDelete(
            _("You are the last owner of: %(organisations)s. Hand ownership over, or delete the organisation, first.")
            % {"organisations": ", ".join(alone)}
        )
    audit.record("account:deleted", by=_unnamed(by), tenant_id=None, target=user)
    send_on_commit("account_deleted", user.email)
    erase_person(user)
    logger.info("Account deleted: user %s", user_id)


def _unnamed(by: Actor) -> Actor:
    """Whoever acts, without the address: what concerns no tenant is kept for ever, and a person may be forgotten."""
    return replace(by, name="")


def _leave(tenant_id: UUID, user: User, by: Actor) -> Tenant | None:
    """End the membership, if there is one; gives the tenant if it would be left without an owner."""
    with tenant_scope(tenant_id):
        _call_recoveries_off(tenant_id, user, by)
        member = Member.objects.select_related("tenant").filter(tenant_id=tenant_id, user=user).first()
        if member is None:  # they left before
            return None
        try:
            leave(member=member, by=by)
        except LastOwner:
            return member.tenant
        audit.record("account:deleted", by=by, tenant_id=tenant_id, target=user, email=user.email)
    return None


def _call_recoveries_off(tenant_id: UUID, user: User, by: Actor) -> None:
    """Or one would come true days later, for whoever has the address by then."""
    waiting = Recovery.objects.filter(tenant_id=tenant_id, email=user.email, cancelled_at=None, done_at=None)
    for recovery in waiting.select_for_update(no_key=True):
        call_off(recovery, by)


def erase_person(user: User) -> None:
    """Delete the row of somebody who is in no tenant any more, with what hangs on it: addresses, second factors and
    sessions. What they made in tenants stays there, made by nobody. A transaction is open, and no scope.
    """
    for (tenant_id,) in call("tenants_that_name_user", user.pk):
        # Django would look for these outside of every scope, and find none.
        with tenant_scope(tenant_id):
            ApiToken.objects.filter(tenant_id=tenant_id, created_by=user).update(created_by=None)
            Invitation.objects.filter(tenant_id=tenant_id, invited_by=user).update(invited_by=None)
    keys = list(UserSession.objects.filter(user=user).values_list("session_key", flat=True))
    Session.objects.filter(pk__in=keys).delete()
    user.delete()
