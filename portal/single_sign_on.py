"""Signing in by an organisation's own provider: allauth's OpenID Connect flow (state, PKCE, code), held to one tenant.

A provider's id is the UUID of its tenant. Nothing of allauth's own bookkeeping is used: no account is made, none is
linked, and no token is kept. What is believed of the provider's answer is in `tenants.identity_provider`, whom it may
sign in in `tenants.actions.single_sign_on`, and where such a session may go in `tenants.provider_session`.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialToken
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from csp.decorators import csp_update
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from tenants import limits
from tenants.access import public
from tenants.actions.single_sign_on import NotAdmitted, admit, provider_of, tenant_of_address
from tenants.identity_provider import (
    DEADLINE_SECONDS,
    Discovery,
    ProviderError,
    call,
    discover,
    user_info,
    verified_claims,
)
from tenants.limits import AllTaken, TooOften
from tenants.models import IdentityProvider
from tenants.provider_session import open_provider_session
from tenants.secrets import new_secret, unseal

logger = logging.getLogger(__name__)

DISCOVERY_KEPT_SECONDS = 300
FAILURE_KEPT_SECONDS = 60
# Whoever set a provider up decides how slowly it answers, and each who waits for it holds a thread of the web server.
MOST_AT_ONCE = 2
MOST_AT_ONCE_OF_ALL = 8  # whoever signs up many organisations has many providers: half of 2 processes of 8 threads
# A sign-in asks the provider four things at the most: its document, a token, its keys and who it is.
LONGEST_SECONDS = 5 * int(DEADLINE_SECONDS)
BUSY_RETRY_AFTER_SECONDS = 5
_SCOPES = ["openid", "email"]


class _GuardedTransport(requests.adapters.BaseAdapter):
    """Sends what allauth asks for through `tenants.outbound`."""

    def send(self, request: requests.PreparedRequest, **_named: Any) -> requests.Response:  # type: ignore[override]  # the arguments that allauth names are not used
        """The answer.

        Raises:
            requests.ConnectionError: there was none.
        """
        body = request.body.encode() if isinstance(request.body, str) else request.body
        try:
            answer = call(str(request.method), str(request.url), dict(request.headers), body)  # type: ignore[arg-type]  # requests says that a body may be anything to read
        except ProviderError as error:
            raise requests.ConnectionError(str(error), request=request) from error
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update({"content-type": ""} | dict(answer.headers))
        response._content = answer.body  # noqa: SLF001 — how requests' own adapters fill it, but for streams
        response.url, response.request = str(request.url), request
        return response

    def close(self) -> None:
        """Nothing is kept open."""


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """What allauth asks us. It finds no provider by itself: ours are made from a tenant's settings, below."""

    def list_apps(self, *_args: Any, **_named: Any) -> list[SocialApp]:
        """None: allauth's own tables are not used."""
        return []

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> "TenantProvider":
        """The provider of a tenant, by the tenant's id.

        Raises:
            Http404: the tenant has none that signs anybody in.
        """
        found = provider_of(UUID(provider)) if client_id is None else None
        if found is None:
            raise Http404
        return TenantProvider(request, found)

    def is_open_for_signup(self, *_args: Any, **_named: Any) -> bool:
        """Never: who is no member is not signed in."""
        return False

    def get_requests_session(self) -> requests.Session:
        """A session that calls public addresses alone, with no proxy, no redirect and one deadline for each call."""
        session = requests.Session()
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, _GuardedTransport())
        return session

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, **_named: Any
    ) -> None:
        """Show our own page. Why the answer was not believed is for the log: its author may be anybody."""
        logger.warning("Single sign-on of tenant %s failed: %s", provider.sub_id, exception or error)
        raise ImmediateHttpResponse(refused(request, "failed"))


class TenantAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """The steps of one sign-in."""

    def __init__(self, request: HttpRequest, provider_id: str) -> None:
        super().__init__(request, provider_id)
        self.nonce = ""
        self._provider: TenantProvider | None = None

    def get_provider(self) -> "TenantProvider":
        """The tenant's provider, the same in each step."""
        if self._provider is None:
            self._provider = SingleSignOnAdapter(self.request).get_provider(self.request, self.provider_id)
        return self._provider

    @property
    def discovery(self) -> Discovery:
        """What the provider publishes about itself.

        Raises:
            OAuth2Error: it cannot be read.
        """
        try:
            return kept_discovery(self.get_provider().row.issuer)
        except ProviderError as error:
            raise OAuth2Error(str(error)) from error

    @property
    def openid_config(self) -> dict[str, Any]:
        """The same in the words of allauth, which takes the addresses to call from here."""
        found = self.discovery
        return asdict(found) | {"token_endpoint_auth_methods_supported": list(found.token_endpoint_auth_methods)}

    def get_callback_url(self, _request: HttpRequest, _app: SocialApp) -> str:
        """Where the provider sends people back, as the tenant has registered it there."""
        return callback_address(UUID(self.provider_id))

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, client: Any, pkce_code_verifier: str | None = None
    ) -> dict[str, Any]:
        """What the token endpoint answers.

        Raises:
            OAuth2Error: nothing that can be used.
            requests.RequestException: it gave no answer.
        """
        try:
            data = super().get_access_token_data(request, app, client, pkce_code_verifier=pkce_code_verifier)
        except OAuth2Error:  # it quotes the whole answer, which may hold a token, and goes into the log
            raise OAuth2Error("The token endpoint gives no token.") from None
        except (TypeError, ValueError, LookupError, AttributeError) as error:  # an answer of an odd shape
            raise OAuth2Error("The token endpoint's answer cannot be read.") from error
        if not isinstance(data, Mapping) or not all(isinstance(data.get(k), str) for k in ("access_token", "id_token")):
            raise OAuth2Error("The token endpoint answers without an access token and an ID token.")
        return dict(data)

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        """The access token, which is kept nowhere."""
        return SocialToken(token=data["access_token"])

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **named: Any) -> None:
        """Check the ID token and sign the member in.

        Raises:
            OAuth2Error: the answer is not believed.
            ImmediateHttpResponse: otherwise; allauth's own ways on from here (accounts, links) are never taken.
        """
        row, discovery = self.get_provider().row, self.discovery
        try:
            claims = verified_claims(
                named["response"]["id_token"], discovery=discovery, client_id=app.client_id, nonce=self.nonce
            )
            if "email" not in claims and discovery.userinfo_endpoint:
                about = user_info(discovery, token.token, claims["sub"])
                claims |= {name: about[name] for name in ("email", "email_verified", "xms_edov") if name in about}
        except ProviderError as error:
            raise OAuth2Error(str(error)) from error
        try:
            user = admit(provider=row, claims=claims)
        except NotAdmitted:
            raise ImmediateHttpResponse(refused(request, "not_admitted")) from None
        open_provider_session(request, user, row)
        raise ImmediateHttpResponse(redirect("connections", tenant_id=row.tenant_id))


class TenantProvider(OpenIDConnectProvider):  # type: ignore[misc]  # allauth has no types
    """A tenant's provider, as allauth sees it."""

    oauth2_adapter_class = TenantAdapter
    pkce_enabled_default = True

    def __init__(self, request: HttpRequest, row: IdentityProvider) -> None:
        self.row = row
        app = SocialApp(
            provider=self.id,
            provider_id=str(row.tenant_id),
            name="",
            client_id=row.client_id,
            secret=unseal(row.sealed_secret),
            settings={"server_url": row.issuer, "oauth_pkce_enabled": True},
        )
        super().__init__(request, app=app)

    def begin(self, request: HttpRequest) -> HttpResponseBase:
        """Send the browser to the provider, with a state, a nonce and a PKCE challenge that this session keeps. Nothing
        of the request's own parameters goes along.
        """
        nonce = new_secret()
        response: HttpResponseBase = self.redirect(
            request, AuthProcess.LOGIN, scope=list(_SCOPES), auth_params={"nonce": nonce}, nonce=nonce
        )
        return response


class _Callback(OAuth2CallbackView):  # type: ignore[misc]  # allauth has no types
    """allauth's callback, which tells the adapter the nonce that was kept with the state."""

    def _get_state(self, request: HttpRequest, provider: TenantProvider) -> tuple[Any, Any]:
        state, response = super()._get_state(request, provider)
        self.adapter.nonce = str((state or {}).get("nonce") or "")
        return state, response


class AddressForm(forms.Form):
    """Whose provider is wanted."""

    email = forms.EmailField(
        label="Work email",
        max_length=254,
        error_messages={"required": "Give your address."},
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@public
@never_cache
def find(request: HttpRequest) -> HttpResponse:
    """Ask for an address, and lead to the provider of its domain. Whether the person is known is not looked at."""
    form = AddressForm(request.POST or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                _count()
            except TooOften as refusal:
                return refused(request, "too_often", retry_after=refusal.retry_after_seconds)
            tenant_id = tenant_of_address(form.cleaned_data["email"])
            if tenant_id is not None:
                return redirect("single_sign_on_start", tenant_id=tenant_id)
            form.add_error(
                "email", _("No organisation here signs people of this domain in. Sign in with your password instead.")
            )
        status = 422
    return render(request, "account/single_sign_on.html", {"form": form}, status=status)


@public
@never_cache
def start(request: HttpRequest, tenant_id: UUID) -> HttpResponseBase:
    """Say where it goes, and go there when the button is pressed. A form, so that no other site begins a sign-in."""
    try:
        _count()
    except TooOften as refusal:
        return refused(request, "too_often", retry_after=refusal.retry_after_seconds)
    provider = SingleSignOnAdapter(request).get_provider(request, str(tenant_id))
    try:
        discovery = _remembered(provider.row.issuer)
        if discovery is None:
            with _place(tenant_id):
                discovery = kept_discovery(provider.row.issuer)
    except AllTaken:
        return refused(request, "busy", retry_after=BUSY_RETRY_AFTER_SECONDS)
    except ProviderError as error:
        logger.warning("The provider of tenant %s cannot be read: %s", tenant_id, error)
        return refused(request, "away")
    if request.method == "POST":
        return provider.begin(request)

    # Browsers hold a form to `form-action` along its redirects too, so this page names where this one leads.
    @csp_update({"form-action": [discovery.authorization_origin]})
    def page(request: HttpRequest) -> HttpResponse:
        context = {"tenant_id": tenant_id, "host": urlsplit(discovery.authorization_endpoint).netloc}
        return render(request, "account/single_sign_on_start.html", context)

    return page(request)


@public
@never_cache
def callback(request: HttpRequest, tenant_id: UUID) -> HttpResponseBase:
    """Where the provider sends people back."""
    try:
        _count()
    except TooOften as refusal:
        return refused(request, "too_often", retry_after=refusal.retry_after_seconds)
    view = _Callback.adapter_view(TenantAdapter(request, str(tenant_id)))
    try:
        with _place(tenant_id):  # before the state is used up: who finds none free can load the page again
            response: HttpResponseBase = view(request)
    except AllTaken:
        return refused(request, "busy", retry_after=BUSY_RETRY_AFTER_SECONDS)
    return response


def refused(request: HttpRequest, why: str, *, retry_after: int | None = None) -> HttpResponse:
    """The page for whoever is not signed in."""
    status = {"too_often": 429, "away": 502, "busy": 503}.get(why, 403)
    response = render(request, "account/single_sign_on_refused.html", {"why": why}, status=status)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


def callback_address(tenant_id: UUID) -> str:
    """The redirect URI that a tenant registers at its provider."""
    return f"{settings.BASE_URL}{reverse('single_sign_on_callback', args=[tenant_id])}"


def kept_discovery(issuer: str) -> Discovery:
    """The issuer's discovery document, read anew every few minutes, or a minute after it could not be read.

    Raises:
        ProviderError: it cannot be read.
    """
    if kept := _remembered(issuer):
        return kept
    try:
        found = discover(issuer)
    except ProviderError as error:
        # Added, so that it takes no place of what another process has read meanwhile.
        cache.add(_entry(issuer), json.dumps({"issuer": issuer, "failed": str(error)}), FAILURE_KEPT_SECONDS)
        raise
    cache.set(_entry(issuer), json.dumps(asdict(found)), DISCOVERY_KEPT_SECONDS)
    return found


def _remembered(issuer: str) -> Discovery | None:
    """What the last look-up found, None where it is too long ago.

    Raises:
        ProviderError: it found nothing that can be used.
    """
    values = json.loads(cache.get(_entry(issuer)) or "{}")
    # Whoever can write to the cache could put one provider's document, which we have signed, in another's place.
    if values.get("issuer") != issuer:
        return None
    if "failed" in values:
        raise ProviderError(values["failed"])
    methods = tuple(values.pop("token_endpoint_auth_methods"))
    return Discovery(token_endpoint_auth_methods=methods, **values)


def _entry(issuer: str) -> str:
    return f"provider:{issuer}"  # another name than the release before had, which knows no failures


@contextmanager
def _place(tenant_id: UUID) -> Iterator[None]:
    with (
        limits.one_of("single_sign_on", tenant_id, most=MOST_AT_ONCE, seconds=LONGEST_SECONDS),
        limits.one_of("single_sign_on", "all", most=MOST_AT_ONCE_OF_ALL, seconds=LONGEST_SECONDS),
    ):
        yield


def _count() -> None:
    limits.count_by_network("single_sign_on", most=60, seconds=60, message=_("Wait a minute."))
