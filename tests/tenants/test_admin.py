"""Who gets into the pages for staff, and what they show of people, tokens and events."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.db import connections
from django.db.utils import ProgrammingError
from django.test import Client

from tenants.actions.service_tokens import create_service_token, find_service_token
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, Member, ServiceToken, User
from tenants.scope import STAFF, staff_scope, tenant_scope
from tests.environment import DATABASE
from tests.second_factor import TOTP_SECRET, code_of


def directives(policy: str) -> dict[str, set[str]]:
    return {name: set(values) for name, *values in (part.split() for part in policy.split("; "))}


def test_who_is_not_signed_in_is_sent_to_sign_in(db) -> None:
    for url in ("/admin/", "/admin/login/", "/admin/tenants/tenant/"):
        answer = Client().get(url)
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={url}")


def test_for_a_customer_there_is_no_such_page(cast, sign_in) -> None:
    for user in (cast.owner, cast.viewer):
        client = sign_in(user)
        for url in ("/admin/", "/admin/login/", "/admin/tenants/tenant/", "/admin/nothing/"):
            assert client.get(url).status_code == client.post(url).status_code == 404


def test_a_member_of_staff_who_left_gets_in_no_more(cast, sign_in) -> None:
    client = sign_in(cast.staff)
    assert client.get("/admin/").status_code == 200

    cast.staff.is_active = False
    cast.staff.save()

    assert client.get("/admin/").status_code == 302


@pytest.fixture
def without_passwords(db) -> Iterator[None]:
    """As the next release leaves the staff's database role: it may not read a password's hash."""
    read = "SELECT column_name FROM information_schema.columns WHERE table_name = 'tenants_user'"
    with psycopg.connect(db.url(DATABASE), autocommit=True) as superuser:
        columns = ", ".join(name for (name,) in superuser.execute(read) if name != "password")
        superuser.execute("REVOKE SELECT ON tenants_user FROM rolebridge_staff")
        superuser.execute(f"GRANT SELECT ({columns}) ON tenants_user TO rolebridge_staff")
        try:
            yield
        finally:
            superuser.execute("GRANT SELECT ON tenants_user TO rolebridge_staff")


def test_no_page_for_staff_reads_a_password(without_passwords, cast, sign_in) -> None:
    with tenant_scope(cast.tenant.pk):
        create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
    client = sign_in(cast.staff)
    with pytest.raises(ProgrammingError, match="permission denied"), connections[STAFF].cursor() as cursor:
        cursor.execute("SELECT password FROM tenants_user")

    answers = {"/admin/": client.get("/admin/").status_code}
    for model in admin.site._registry:
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        answers[url] = client.get(url, {"q": "owner@example.com"}).status_code
        with staff_scope():
            rows = [] if model._meta.model_name == "session" else list(model._default_manager.values_list("pk")[:1])
        for (key,) in rows:
            answers[f"{url}{key}/change/"] = client.get(f"{url}{key}/change/").status_code

    assert {url: status for url, status in answers.items() if status != 200} == {}
    assert len(answers) > 10


def test_who_is_read_as_staff_has_no_password(cast) -> None:
    with staff_scope():
        as_staff = User.objects.get(pk=cast.owner.pk)
        joined = Member.objects.select_related("user").get(user=cast.owner).user

    assert User.objects.get(pk=cast.owner.pk).check_password(cast.password)
    assert not as_staff.has_usable_password()
    assert not joined.has_usable_password()


def test_staff_sign_in_and_out_as_everybody_does(cast) -> None:
    EmailAddress.objects.create(user=cast.staff, email=cast.staff.email, verified=True, primary=True)
    client = Client()

    password = client.post("/accounts/login/?next=/admin/", {"login": cast.staff.email, "password": cast.password})
    before_the_code = client.get("/admin/")
    signed_in = client.post("/accounts/second-factor/authenticate/", {"code": code_of(TOTP_SECRET)})

    assert (password.status_code, password["Location"]) == (302, "/accounts/second-factor/authenticate/")
    assert before_the_code.status_code == 302
    assert (signed_in.status_code, signed_in["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/login/")["Location"] == "/admin/"
    assert client.get("/admin/password_change/")["Location"] == "/accounts/password/change/"
    assert client.post("/admin/logout/").status_code in {200, 302}
    assert client.get("/admin/").status_code == 302


def test_admin_has_a_content_security_policy_of_its_own_and_the_portal_keeps_the_strict_one(cast, sign_in) -> None:
    client = sign_in(cast.staff)

    admin = directives(client.get("/admin/tenants/tenant/")["Content-Security-Policy"])
    portal = directives(client.get("/accounts/password/change/")["Content-Security-Policy"])

    assert portal["script-src"] == portal["style-src"] == {"'self'"}
    assert admin == portal | {
        "script-src": {"'self'", "'unsafe-eval'"},
        "style-src": {"'self'", "'unsafe-inline'"},
    }
    assert portal["default-src"] == portal["frame-ancestors"] == {"'none'"}


@pytest.mark.parametrize("page", ["/admin/tenants/apitoken/", "detail", "tenant"])
def test_of_an_api_token_staff_see_the_prefix_alone(cast, sign_in, page) -> None:
    with tenant_scope(cast.tenant.pk):
        token, text = create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
    urls = {
        "detail": f"/admin/tenants/apitoken/{token.pk}/change/",
        "tenant": f"/admin/tenants/tenant/{cast.tenant.pk}/change/",
    }

    shown = sign_in(cast.staff).get(urls.get(page, page)).content.decode()

    assert token.prefix in shown
    assert text not in shown
    assert token.digest not in shown


def test_members_are_found_by_email_address_and_tenant(cast, sign_in) -> None:
    client = sign_in(cast.staff)

    def found(term: str) -> set[str]:
        return {str(row.user) for row in client.get("/admin/tenants/member/", {"q": term}).context["cl"].result_list}

    assert found("viewer@") == {cast.viewer.email}
    assert found("red mill") == {cast.stranger.email}


def test_audit_events_name_actor_tenant_and_target(cast, sign_in) -> None:
    client = sign_in(cast.staff)

    rows = client.get("/admin/tenants/auditevent/", {"q": str(cast.tenant.pk)}).context["cl"].result_list

    assert [(row.action, row.tenant_name, row.target_id) for row in rows] == [
        ("system:tenant:created", "Blue Harbour", str(cast.tenant.pk))
    ]
    detail = client.get(f"/admin/tenants/auditevent/{rows[0].pk}/change/").content.decode()
    assert "owner@example.com" in detail


def test_a_service_token_is_made_with_a_reason_shown_once_and_revoked(cast, sign_in) -> None:
    client = sign_in(cast.staff)
    made = client.post(
        "/admin/tenants/servicetoken/make/", {"name": "Log analysis", "days": 30, "reason": "For production."}
    )
    text = re.search(r"rbs_[\w-]+", made.content.decode())[0]
    token = ServiceToken.objects.get()

    page = client.get(f"/admin/tenants/servicetoken/{token.pk}/change/").content.decode()
    revoked = client.post(f"/admin/tenants/servicetoken/{token.pk}/revoke/", {"reason": "It leaked."})

    assert "no-store" in made["Cache-Control"]
    assert find_service_token(text) is None, "it is revoked"
    assert (revoked.status_code, "For production." in page, text in page) == (302, True, False)
    token.refresh_from_db()
    assert (token.created_by, token.revoked_by, token.revoke_reason) == (*[cast.staff.email] * 2, "It leaked.")
    with staff_scope():
        events = AuditEvent.objects.filter(target_id=str(token.pk)).order_by("pk")
        assert [(event.action, event.data["reason"]) for event in events] == [
            ("admin:service_token:created", "For production."),
            ("admin:service_token:revoked", "It leaked."),
        ]


@pytest.mark.parametrize(
    "data", [{}, {"name": "x", "days": 30, "reason": " "}, {"name": "x", "days": 0, "reason": "x"}]
)
def test_a_service_token_is_not_made_without_name_reason_and_end(cast, sign_in, data) -> None:
    assert sign_in(cast.staff).post("/admin/tenants/servicetoken/make/", data).status_code == 422
    assert ServiceToken.objects.count() == 0


def test_staff_without_the_permission_see_service_tokens_and_make_and_revoke_none(cast, sign_in) -> None:
    token, _ = create_service_token(name="Product", days=1, reason="Test", by=SYSTEM)
    cast.staff.is_superuser = False
    cast.staff.save()
    client = sign_in(cast.staff)

    assert client.get(f"/admin/tenants/servicetoken/{token.pk}/change/").status_code == 200
    for address in ("make/", f"{token.pk}/revoke/"):
        data = {"name": "x", "days": 30, "reason": "x"}
        assert client.post(f"/admin/tenants/servicetoken/{address}", data).status_code == 403
    token.refresh_from_db()
    assert (ServiceToken.objects.count(), token.revoked_at) == (1, None)
