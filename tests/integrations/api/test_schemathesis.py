"""What the OpenAPI document allows, and what it forbids, thrown at every operation as owner, viewer and stranger.

No answer is a fault, none is outside the document, and none holds another tenant's data. `make nightly` throws more.
"""

import os
import re
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from rest_framework.response import Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from integrations.actions.connections import create_connection
from integrations.actions.external_id_rotations import start_rotation
from integrations.actions.hand_off_links import create_hand_off_link
from integrations.actions.role_templates import download_role_template
from integrations.models import Finding, Verification
from integrations.role_templates.formats import Format
from portal.wsgi import application
from tenants.actions.deletion import request_deletion
from tenants.actions.invitations import invite
from tenants.actions.recovery import request_recovery
from tenants.actions.settings import add_notification_address
from tenants.actions.single_sign_on import add_domain
from tenants.actions.tokens import create_token
from tenants.actions.webhooks import create_endpoint, send_test_event
from tenants.api.tenant import TenantDetail, TenantSerializer
from tenants.audit import SYSTEM
from tenants.models import Member, Recovery, Tenant, TenantDomain
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tenants.webhook_event_types import WebhookEventType
from tests.brokers import unread, use_broker
from tests.hangs import no_hang
from tests.receipts import open_session

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
# Of each operation, each person, and each of what is allowed and what is forbidden: more than 10,000 cases at night.
EXAMPLES = 40 if NIGHTLY else 5
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
OF_TENANT, OF_OTHER = "Nobody else may read this", "This is of the other tenant"

thrown = settings(
    max_examples=EXAMPLES,
    derandomize=not NIGHTLY,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # a failure is short enough to read as it is
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def document(db, monkeypatch, broker, settings):
    """The document as the portal serves it, with no limit of calls and no worker that does what is asked for."""
    use_broker(monkeypatch, unread(broker))
    settings.MOST_WEBHOOK_ENDPOINTS_PER_TENANT = settings.MOST_HAND_OFF_LINKS_PER_TENANT = 100_000
    settings.MOST_API_TOKENS_PER_TENANT = settings.MOST_VERIFICATIONS_AN_HOUR_PER_TENANT = 100_000
    settings.API_CALLS_PER_MINUTE_OF_A_TOKEN = settings.API_CALLS_PER_MINUTE_OF_A_TENANT = 0
    loaded = schemathesis.openapi.from_wsgi("/api/v1/schema/", application)
    loaded.config.generation.update(with_security_parameters=False)
    return loaded


def things(tenant: Tenant, user, colleague, name: str) -> dict[str, str]:
    """One of each thing of a tenant, by the name that addresses give its id; whoever reads it meets `name`."""
    with tenant_scope(tenant.pk):
        Tenant.objects.filter(pk=tenant.pk).update(require_second_factor=False, name=name)
        for person, role in ((user, Role.OWNER), (colleague, Role.ADMIN)):
            Member.objects.update_or_create(tenant=tenant, user=person, defaults={"role": role})
        connection = create_connection(tenant=tenant, name=name, account_id="222233334444", by=SYSTEM)
        verification = Verification.objects.create(
            tenant=tenant, connection=connection, state="completed", requested_by=name
        )
        Finding.objects.create(
            tenant=tenant, verification=verification, component="x", check_code="x", outcome="passed", title=name
        )
        open_session(verification, session_name="x", source_identity=re.sub(r"\W", "", name))
        download = download_role_template(connection=connection, chosen=Format.CLI, by=SYSTEM)
        link, _ = create_hand_off_link(connection=connection, by=SYSTEM)
        owner = Member.objects.get(user=user)
        email = f"invited-{connection.reference}@example.com"
        invitation = invite(tenant=tenant, email=email, role=Role.VIEWER, acting=owner, by=SYSTEM)
        address = add_notification_address(tenant=tenant, email=email, by=SYSTEM)
        token, _ = create_token(tenant=tenant, name=name, user=user, by=SYSTEM)
        start_rotation(connection=connection, by=SYSTEM)
        endpoint, _ = create_endpoint(
            tenant=tenant,
            url=f"https://hooks.example.com/{connection.reference}",
            event_types=[WebhookEventType.CONNECTION_REMOVED],
            by=SYSTEM,
        )
        delivery = send_test_event(endpoint=endpoint, by=SYSTEM)
        domain = add_domain(
            tenant=tenant,
            domain=f"{connection.reference}.example.com",
            mailbox=TenantDomain.Mailbox.POSTMASTER,
            by=SYSTEM,
        )
        request_deletion(tenant=tenant, by=SYSTEM)
    recoveries = request_recovery(
        tenant_id=tenant.pk, kind=Recovery.Kind.OWNER, email=f"lost-{email}", reason=name, by=SYSTEM
    )
    return {
        "domain_id": str(domain.pk),
        "recovery_id": str(recoveries[0].pk),
        "endpoint_id": str(endpoint.pk),
        "delivery_id": str(delivery.pk),
        "connection_id": str(connection.pk),
        "verification_id": str(verification.pk),
        "download_id": str(download.pk),
        "link_id": str(link.pk),
        "template_format": "terraform",
        "user_id": str(colleague.pk),
        "invitation_id": str(invitation.pk),
        "address_id": str(address.pk),
        "token_id": str(token.pk),
    }


def throw(operation, ids: dict[str, str], token: str, secrets: list[str]) -> tuple[set[int], int]:
    """Ask the operation for what the document allows and forbids, half of the time about things that are there; gives
    the statuses of the answers, and how many there were.
    """
    statuses: set[int] = set()
    cases = 0
    mine = {name: ids[name] for name in re.findall(r"\{(\w+)\}", operation.path)}
    for mode in GenerationMode:
        anything = operation.as_strategy(generation_mode=mode)
        known = operation.as_strategy(generation_mode=mode, path_parameters=mine, headers={"If-Match": "*"})

        @thrown
        @given(case=st.one_of(known, anything))
        def ask(case) -> None:
            nonlocal cases
            cases += 1
            case.headers = {**(case.headers or {}), "Authorization": token}
            with no_hang():
                response = case.call()
            statuses.add(response.status_code)
            case.validate_response(response, checks=CHECKS)
            for secret in secrets:
                assert secret not in response.text, f"{operation.label} shows another tenant's data"

        with suppress(Unsatisfiable):  # where it takes no input, nothing can be forbidden
            ask()
    return statuses, cases


def operations(document) -> dict[str, Any]:
    found = (result.ok() for result in document.get_all_operations())
    # What takes the vendor's service tokens is tried in test_product.py.
    return {
        operation.definition.raw["operationId"]: operation
        for operation in found
        if operation.definition.raw["security"][0].keys() == {"apiToken"}
    }


@pytest.fixture
def token_of(cast, api):
    def token(who: str) -> str:
        tenant = cast.other_tenant if who == "stranger" else cast.tenant
        return api(getattr(cast, who), tenant)._credentials["HTTP_AUTHORIZATION"]

    return token


# What no example brings to a good end: there is no bucket for templates, no connection is removed to the end, and no
# address, no domain, no provider and no name of the organisation is made at random.
NEVER_DONE = {
    "create_domain",
    "create_quick_create_link",
    "create_webhook_endpoint",
    "get_removal_statement",
    "request_tenant_deletion",
    "update_single_sign_on",
}


@pytest.mark.timeout(7200 if NIGHTLY else 600)
@pytest.mark.parametrize("who", ["owner", pytest.param("viewer", marks=pytest.mark.nightly), "stranger"])
def test_every_answer_is_in_the_document_and_none_is_another_tenants(
    who, document, cast, token_of, monkeypatch
) -> None:
    monkeypatch.setattr("tenants.actions.invitations.MOST_A_DAY", 100_000)
    monkeypatch.setattr("tenants.actions.settings.MOST_ADDRESSES", 100_000)
    monkeypatch.setattr("tenants.actions.settings.MOST_EXPORTS_AN_HOUR", 100_000)
    monkeypatch.setattr("tenants.actions.single_sign_on.MOST_DOMAINS", 100_000)
    monkeypatch.setattr("tenants.actions.single_sign_on.MOST_LOOK_UPS_AN_HOUR", 100_000)
    monkeypatch.setattr("tenants.actions.tokens.MOST_MADE_WITH_TOKENS_A_DAY", 100_000)
    monkeypatch.setattr("tenants.actions.webhooks.MOST_TESTS_AN_HOUR", 100_000)
    token, answered, cases = token_of(who), {}, 0

    theirs = things(cast.other_tenant, cast.stranger, cast.staff, OF_OTHER)
    # The stranger asks for the tenant's things by their ids, the members for those of their own.
    secrets = [OF_TENANT, str(cast.tenant.pk)]
    if who != "stranger":
        secrets = [OF_OTHER, str(cast.other_tenant.pk), theirs["connection_id"]]
    ours: dict[str, str] = {}
    for name, operation in operations(document).items():
        ours = ours or things(cast.tenant, cast.owner, cast.admin, OF_TENANT)
        answered[name], thrown_at_it = throw(operation, ours, token, secrets)
        cases += thrown_at_it
        if operation.method != "get":
            ours = {}  # it may have changed or ended some of them

    assert not NIGHTLY or cases > 10_000 / 3, "of three persons"
    assert len(answered) > 40
    assert {400, 404} <= set.union(*answered.values()), "what is forbidden was tried too"
    if who == "owner":
        assert {name for name, statuses in answered.items() if min(statuses) >= 400} == NEVER_DONE


@pytest.mark.parametrize(
    ("answer", "noticed"),
    [
        (lambda _view, _request: Response({"name": OF_OTHER}), FailureGroup),
        (
            lambda view, _request: view.one(TenantSerializer(Tenant(name=OF_OTHER, created_at=timezone.now())).data),
            AssertionError,
        ),
        (lambda _view, _request: Response(status=418), FailureGroup),
        (lambda _view, _request: 1 / 0, FailureGroup),
    ],
    ids=["outside of the schema", "another tenant's data", "no known status", "a fault"],
)
def test_what_must_not_be_is_noticed(answer, noticed, document, cast, token_of, monkeypatch) -> None:
    monkeypatch.setattr(TenantDetail, "get", answer)

    with pytest.raises(noticed):
        throw(operations(document)["get_tenant"], {}, token_of("owner"), [OF_OTHER])
