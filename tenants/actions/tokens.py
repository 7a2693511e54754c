"""API tokens: made by people, or by programs with a token of theirs, and revoked.

A token that was made with another is less than that one: it has no scope more, the same person and the same second
factor behind it, and it ends with it, whether that is revoked or at its end (docs/adr/0014).
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import audit, limits
from tenants.audit import Actor
from tenants.models import ApiToken, Tenant, User
from tenants.permissions import Scope
from tenants.secrets import digest, new_secret

USUAL_DAYS = 90
LONGEST_DAYS = 365
MOST_MADE_WITH_TOKENS_A_DAY = 200


class InvalidExpiry(ValueError):
    """A token cannot last that long; the message says how long it can."""


class BeyondItself(ValueError):
    """A token would make one that may do more than itself; the message says what."""


class TooManyTokens(RuntimeError):
    """The tenant has as many tokens as it may have; the message says what to do."""


@transaction.atomic
def create_token(
    *,
    tenant: Tenant,
    name: str,
    user: User,
    by: Actor,
    scopes: Iterable[Scope] = (Scope.READ,),
    days: int = USUAL_DAYS,
    second_factor: bool = False,
    made_with: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """A new token of the tenant, and its text, which can be shown this once and never again.

    Args:
        tenant: whose scope is open.
        name: what will use it.
        user: who makes it: it may never do more than they may.
        by: the same, for audit.
        scopes: what it may be used for.
        days: after how many days it ends.
        second_factor: whether the user has shown a second factor.
        made_with: the token that a program makes it with (`create_token_with`).

    Raises:
        InvalidExpiry, TooManyTokens: nothing is written.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidExpiry(_("A token lasts 1 to %(days)s days.") % {"days": LONGEST_DAYS})
    _refuse_too_many(tenant)
    text = f"rbt_{new_secret()}"
    expires_at = timezone.now() + timedelta(days=days)
    if made_with is not None and made_with.expires_at is not None:
        expires_at = min(expires_at, made_with.expires_at)
    token = ApiToken.objects.create(
        tenant=tenant,
        name=name,
        prefix=text[:10],
        digest=digest(text),
        scopes=[scope.value for scope in Scope if scope in set(scopes)],
        second_factor=second_factor,
        expires_at=expires_at,
        created_by=user,
        made_with=made_with,
    )
    audit.record(
        "api_token:created",
        by=by,
        tenant_id=tenant.pk,
        target=token,
        name=name,
        scopes=token.scopes,
        expires_at=expires_at.isoformat(),
        **({"made_with": made_with.prefix} if made_with is not None else {}),
    )
    return token, text


def _refuse_too_many(tenant: Tenant) -> None:
    # One at a time of a tenant, or two could both see the last free place.
    Tenant.objects.select_for_update(no_key=True).filter(pk=tenant.pk).first()
    most = settings.MOST_API_TOKENS_PER_TENANT
    working = ApiToken.objects.filter(tenant_id=tenant.pk, revoked_at=None).exclude(expires_at__lte=timezone.now())
    if working.count() >= most:
        raise TooManyTokens(
            _(
                "Your organisation has %(most)s API tokens, which is as many as it may have. Revoke one that you "
                "no longer need, or ask our support for more."
            )
            % {"most": most}
        )


@transaction.atomic
def create_token_with(
    *, token: ApiToken, name: str, by: Actor, scopes: Iterable[Scope] = (Scope.READ,), days: int = USUAL_DAYS
) -> tuple[ApiToken, str]:
    """A new token that a program makes with one of its own, as `create_token`. It ends with that one at the latest.

    Raises:
        InvalidExpiry, BeyondItself, TooOften, TooManyTokens: nothing is written.
        ApiToken.DoesNotExist: the token is revoked by now.
    """
    scopes = set(scopes)
    Tenant.objects.select_for_update(no_key=True).filter(pk=token.tenant_id).first()  # its lock comes before a token's
    # Behind its lock: whoever revokes it meanwhile waits, and then finds the new one too.
    locked = ApiToken.objects.select_for_update(of=["self"]).select_related("created_by", "tenant")
    token = locked.get(tenant_id=token.tenant_id, pk=token.pk, revoked_at=None, created_by__isnull=False)
    if beyond := [scope.value for scope in Scope if scope in scopes and scope not in token.scopes]:
        raise BeyondItself(
            _(
                "This token has not the scopes %(scopes)s itself, so it makes no token that has them. A person "
                "makes one on the API tokens page."
            )
            % {"scopes": ", ".join(beyond)}
        )
    limits.count(
        "tokens_made_with_tokens",
        token.tenant_id,
        most=MOST_MADE_WITH_TOKENS_A_DAY,
        seconds=24 * 3600,
        message=_("Programs of an organisation make %(most)s tokens a day. Try again tomorrow.")
        % {"most": MOST_MADE_WITH_TOKENS_A_DAY},
    )
    return create_token(
        tenant=token.tenant,
        name=name,
        user=token.created_by,  # type: ignore[arg-type]  # asked for above
        by=by,
        scopes=scopes,
        days=days,
        second_factor=bool(token.second_factor),
        made_with=token,
    )


@transaction.atomic
def revoke_token(*, tenant: Tenant, token_id: UUID, by: Actor) -> ApiToken:
    """End a token at once, and every token that was made with it. Revoking it twice changes nothing.

    Raises:
        ApiToken.DoesNotExist: the tenant has no such token.
    """
    # The tenant first: whoever ends a membership revokes its tokens in another order, behind the same lock.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    token = ApiToken.objects.select_for_update().get(tenant=tenant, pk=token_id)
    _revoke(token, by)
    ended = [token]
    while ended:
        ended = list(ApiToken.objects.select_for_update().filter(tenant=tenant, made_with__in=ended).order_by("pk"))
        for made in ended:
            _revoke(made, by)
    return token


def _revoke(token: ApiToken, by: Actor) -> None:
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        audit.record("api_token:revoked", by=by, tenant_id=token.tenant_id, target=token, name=token.name)
