"""The settings of single sign-on: a provider is read before it is saved; a domain is its postmaster's to confirm."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from tenants.actions.single_sign_on import DomainRefused, add_domain, clean_domain
from tenants.actions.tenants import create_tenant
from tenants.audit import SYSTEM
from tenants.limits import TooOften
from tenants.models import AuditEvent, IdentityProvider, Tenant, TenantDomain
from tenants.scope import tenant_scope
from tests.oidc_provider import oidc_provider

Mailbox = TenantDomain.Mailbox


@pytest.fixture
def base(cast) -> str:
    return f"/tenants/{cast.tenant.pk}/settings/single-sign-on/"


@pytest.fixture
def provider():
    with oidc_provider() as running:
        yield running


def form_of(provider, **changes) -> dict[str, str]:
    return {
        "issuer": provider.issuer,
        "client_id": "rolebridge",
        "client_secret": "sealed away",
        "enabled": "on",
    } | changes


def kept(cast) -> IdentityProvider | None:
    with tenant_scope(cast.tenant.pk):
        return IdentityProvider.objects.first()


def add(tenant, domain: str) -> str:
    """Add a domain; gives the path of the link that was mailed."""
    mail.outbox.clear()
    with tenant_scope(tenant.pk):
        add_domain(tenant=tenant, domain=domain, mailbox=Mailbox.POSTMASTER, by=SYSTEM)
    (message,) = mail.outbox
    return "/domains/" + message.body.partition("/domains/")[2].split()[0]


def actions_of(cast) -> list[str]:
    with tenant_scope(cast.tenant.pk):
        return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


class TestTheProvider:
    def test_an_owner_sets_it_up_and_its_secret_is_shown_to_nobody(self, cast, base, provider, sign_in) -> None:
        client = sign_in(cast.owner)

        answer = client.post(base, form_of(provider))

        assert answer.status_code == 302
        assert "sealed away" not in client.get(base).content.decode()
        assert "sealed away" not in kept(cast).sealed_secret
        assert actions_of(cast)[-1] == "page:identity_provider:changed"

    def test_an_empty_secret_keeps_the_one_that_is_there(self, cast, base, provider, sign_in) -> None:
        client = sign_in(cast.owner)
        client.post(base, form_of(provider))
        before = kept(cast)

        client.post(base, form_of(provider, client_secret=""))

        assert kept(cast).sealed_secret == before.sealed_secret
        assert kept(cast).epoch == before.epoch  # its sessions go on

    @pytest.mark.parametrize(
        ("discovery", "words"),
        [
            ({"issuer": "https://another.example.com"}, "https://another.example.com"),
            ({"token_endpoint": "https://10.0.0.1/token"}, "token_endpoint"),
            ({"jwks_uri": ""}, "jwks_uri"),
            ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ],
    )
    def test_one_that_cannot_be_used_is_refused_with_the_reason(
        self, cast, base, provider, sign_in, discovery, words
    ) -> None:
        provider.discovery = discovery

        answer = sign_in(cast.owner).post(base, form_of(provider))

        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert kept(cast) is None

    @pytest.mark.parametrize("issuer", ["https://169.254.169.254/", "https://10.0.0.1/", "ftp://example.com/", "x"])
    def test_an_address_inside_is_refused(self, cast, base, provider, sign_in, issuer) -> None:
        answer = sign_in(cast.owner).post(base, form_of(provider, issuer=issuer))

        assert answer.status_code == 422
        assert kept(cast) is None

    def test_without_a_secret_or_a_verified_domain_it_says_what_is_missing(self, cast, base, provider, sign_in) -> None:
        client = sign_in(cast.owner)

        no_secret = client.post(base, form_of(provider, client_secret="")).content.decode()
        no_domain = client.post(base, form_of(provider, required="on")).content.decode()

        assert "Give the client secret." in no_secret
        assert "a domain is verified" in no_domain
        assert kept(cast) is None

    def test_it_is_removed_after_a_question(self, cast, base, provider, sign_in) -> None:
        client = sign_in(cast.owner)
        client.post(base, form_of(provider))

        assert client.get(f"{base}remove/").status_code == 200
        client.post(f"{base}remove/")

        assert kept(cast) is None
        assert actions_of(cast)[-1] == "page:identity_provider:removed"


class TestDomains:
    def test_a_link_goes_to_the_mailbox_that_was_chosen(self, cast, base, sign_in) -> None:
        sign_in(cast.owner).post(f"{base}domains/", {"domain": " EXAMPLE.com. ", "mailbox": "admin"})

        assert [message.to for message in mail.outbox] == [["admin@example.com"]]

    def test_it_counts_once_its_reader_has_confirmed_and_not_by_looking(self, cast) -> None:
        path = add(cast.tenant, "example.com")
        reader = Client()

        assert "Is example.com a mail domain of Blue Harbour?" in reader.get(path).content.decode()
        with tenant_scope(cast.tenant.pk):
            assert TenantDomain.objects.get().verified_at is None
        assert reader.post(path).status_code == 200

        with tenant_scope(cast.tenant.pk):
            assert TenantDomain.objects.get().verified_at is not None
        assert actions_of(cast)[-1] == "page:domain:verified"

    def test_a_domain_is_verified_for_one_organisation_at_the_most(self, cast) -> None:
        first, second = add(cast.tenant, "example.com"), add(cast.other_tenant, "example.com")
        Client().post(first)

        answer = Client().post(second)

        assert answer.status_code == 409
        assert "Blue Harbour" not in answer.content.decode()
        with tenant_scope(cast.other_tenant.pk):
            assert TenantDomain.objects.get().verified_at is None

    def test_a_link_that_ended_or_was_sent_again_or_is_none_confirms_nothing(self, cast) -> None:
        old = add(cast.tenant, "example.com")
        ended = add(cast.tenant, "example.com")
        with tenant_scope(cast.tenant.pk):
            TenantDomain.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

        for path in (old, ended, "/domains/unknown/"):
            assert Client().post(path).status_code == 404

    def test_a_postmaster_is_not_pestered_by_one_organisation(self, cast, base, sign_in) -> None:
        for _ in range(5):
            add(cast.tenant, "example.com")

        answer = sign_in(cast.owner).post(f"{base}domains/", {"domain": "example.com", "mailbox": "admin"})

        assert answer.status_code == 422
        assert "Too many links" in answer.content.decode()

    def test_others_keep_no_organisation_from_its_first_link_but_all_together_have_a_limit(self, cast) -> None:
        for number in range(5):
            others = create_tenant(name=f"Asker {number}", owner=cast.stranger, by=SYSTEM)
            for _ in range(2):
                add(others, "example.com")

        add(cast.tenant, "example.com")

        with pytest.raises(TooOften):
            add(cast.tenant, "example.com")
        add(cast.tenant, "example.org")

    def test_its_reader_learns_who_asks_in_the_mail_and_on_the_page(self, cast, base, sign_in) -> None:
        with tenant_scope(cast.tenant.pk):
            Tenant.objects.update(name="Blue <b>Harbour</b>")
        sign_in(cast.owner).post(f"{base}domains/", {"domain": "example.com", "mailbox": "admin"})
        (message,) = mail.outbox
        path = "/domains/" + message.body.partition("/domains/")[2].split()[0]

        page = Client().get(path).content.decode()

        assert cast.owner.email in message.body
        assert "Blue <b>Harbour</b>" in message.body
        for html in (page, message.alternatives[0].content):  # type: ignore[attr-defined]  # ours are in HTML too
            assert cast.owner.email in html
            assert "Blue &lt;b&gt;Harbour&lt;/b&gt;" in html
            assert "<b>Harbour" not in html

    def test_where_a_program_asks_its_reader_learns_whose_token_it_has(self, cast, api) -> None:
        api(cast.owner, cast.tenant).post("/api/v1/domains/", {"domain": "example.com"}, format="json")

        assert f"{cast.owner.email} asks you" in mail.outbox[-1].body

    def test_a_removed_domain_is_free_again(self, cast, base, sign_in) -> None:
        Client().post(add(cast.tenant, "example.com"))
        with tenant_scope(cast.tenant.pk):
            domain = TenantDomain.objects.get()

        sign_in(cast.owner).post(f"{base}domains/{domain.pk}/remove/")

        assert Client().post(add(cast.other_tenant, "example.com")).status_code == 200

    @pytest.mark.parametrize(
        "text",
        ["", "com", "-x.com", "x-.com", "a b.com", "x@y.com", "127.0.0.1", "[::1]", "x.c\n\nBcc: y", "a" * 64 + ".com"],
    )
    def test_what_is_no_domain_is_refused(self, text) -> None:
        with pytest.raises(DomainRefused):
            clean_domain(text)

    def test_an_international_domain_is_kept_as_it_is_mailed(self) -> None:
        assert clean_domain("Bücher.example") == "xn--bcher-kva.example"
