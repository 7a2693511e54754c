"""Single sign-on, for programs: the organisation's provider."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.single_sign_on import NotPossible, configure_provider, look_up_provider, remove_provider
from tenants.api.base import TenantAPIView
from tenants.api.problems import Problem
from tenants.api.rate_limits import too_many_requests
from tenants.api.schema import INVALID_BODY, operation
from tenants.api.serializers import InputSerializer
from tenants.identity_provider import ProviderError
from tenants.limits import TooOften
from tenants.models import IdentityProvider, Tenant
from tenants.permissions import Permission
from tenants.scope import tenant_scope


class SingleSignOnSerializer(serializers.Serializer[Any]):
    """How members sign in by your own OpenID Connect provider. Its secret is shown to nobody."""

    issuer = serializers.CharField(read_only=True, help_text="Empty where no provider is set up.")
    client_id = serializers.CharField(read_only=True, help_text="As what the provider knows us.")
    has_secret = serializers.BooleanField(read_only=True, help_text="Whether a client secret is kept.")
    enabled = serializers.BooleanField(read_only=True, help_text="Whether members can sign in this way.")
    required = serializers.BooleanField(  # type: ignore[assignment]  # DRF has an attribute of this name; the page shows it
        read_only=True, help_text="Whether all but owners must sign in this way."
    )
    callback_url = serializers.CharField(read_only=True, help_text="The redirect URI to register at the provider.")
    start_url = serializers.CharField(read_only=True, help_text="Where a sign-in begins.")


class SingleSignOnInput(InputSerializer):
    """What to set up or change; what is left out stays."""

    issuer = serializers.CharField(
        max_length=IdentityProvider._meta.get_field("issuer").max_length,
        help_text="The address that the provider calls itself, such as `https://login.example.com/`.",
    )
    client_id = serializers.CharField(max_length=IdentityProvider._meta.get_field("client_id").max_length)
    client_secret = serializers.CharField(max_length=191, help_text="It is kept sealed and never shown.")
    enabled = serializers.BooleanField(
        help_text="Switched on unless you say otherwise. While it is off, sessions that the provider opened are over."
    )
    required = serializers.BooleanField(  # type: ignore[assignment]  # as above
        help_text="Possible once it is switched on and a domain is verified. Owners keep their password."
    )


class SingleSignOn(TenantAPIView):
    """The provider of the organisation. It is asked who it is with no transaction open."""

    permissions = {"GET": Permission.OWN, "PATCH": Permission.OWN, "DELETE": Permission.OWN}
    scoped = False

    @operation("get_single_sign_on", "Show single sign-on", answers={200: SingleSignOnSerializer}, etag=True)
    def get(self, _request: Request) -> Response:
        """The provider, if one is set up, and the addresses that it must know."""
        with tenant_scope(self.tenant.pk):
            return self.one(self._shown())

    @operation(
        "update_single_sign_on",
        "Set up or change single sign-on",
        request=SingleSignOnInput,
        answers={200: SingleSignOnSerializer},
        problems=INVALID_BODY | {409: "It cannot be made necessary yet, or something is left to say."},
        etag=True,
    )
    def patch(self, request: Request) -> Response:
        """Set the provider up, or change it. What it publishes about itself is read before anything is kept. Sessions
        that it opened are over if it is another one now, or is switched off.
        """
        read = SingleSignOnInput(data=request.data, partial=True)
        read.is_valid(raise_exception=True)
        with tenant_scope(self.tenant.pk):
            self.require_match(self._shown())
            wanted = self._known() | read.validated_data
        issuer = wanted["issuer"]
        if not issuer or not wanted["client_id"]:
            raise _not_possible("Give the issuer and the client ID.")
        try:
            look_up_provider(tenant=self.tenant, issuer=issuer)
        except ProviderError as error:
            refusal = serializers.ErrorDetail(str(error), code="provider_refused")
            raise serializers.ValidationError({"issuer": [refusal]}) from error
        except TooOften as error:
            raise too_many_requests(str(error), error.retry_after_seconds) from error
        with tenant_scope(self.tenant.pk):
            self.lock_tenant()
            self.require_match(self._shown())
            wanted = (
                self._known() | read.validated_data | {"issuer": issuer}
            )  # with `If-Match: *` it may be another now
            try:
                configure_provider(tenant=self.tenant, by=self.actor, **wanted)
            except NotPossible as error:
                raise _not_possible(str(error)) from error
            return self.one(self._shown())

    @operation(
        "remove_single_sign_on",
        "Remove single sign-on",
        request=None,
        answers={204: None},
        etag=True,
    )
    def delete(self, _request: Request) -> Response:
        """Forget the provider: the sessions that it opened are over, and everybody signs in with their password.
        Domains stay.
        """
        with tenant_scope(self.tenant.pk):
            self.lock_tenant()
            self.require_match(self._shown())
            remove_provider(tenant=self.tenant, by=self.actor)
        return Response(status=204)

    def _known(self) -> dict[str, Any]:
        """What is set, as what the action takes; the secret that is there stays."""
        provider = IdentityProvider.objects.filter(tenant_id=self.tenant.pk).first()
        tenant = Tenant.objects.get(pk=self.tenant.pk)
        return {
            "issuer": provider.issuer if provider else "",
            "client_id": provider.client_id if provider else "",
            "client_secret": "",
            "enabled": provider is None or provider.enabled,
            "required": tenant.require_single_sign_on,
        }

    def _shown(self) -> dict[str, Any]:
        known = self._known()
        has_provider = bool(known["issuer"])
        return dict(
            SingleSignOnSerializer(
                {
                    **known,
                    "enabled": has_provider and known["enabled"],
                    "has_secret": has_provider,
                    "callback_url": settings.BASE_URL + reverse("single_sign_on_callback", args=[self.tenant.pk]),
                    "start_url": settings.BASE_URL + reverse("single_sign_on_start", args=[self.tenant.pk]),
                }
            ).data
        )


def _not_possible(reason: str) -> Problem:
    return Problem("single-sign-on-not-possible", "Single sign-on cannot be set like this", reason, 409)
