"""The flaws F1 to F20 that public products have, and what proves that this one has them not.

The proofs stand beside what they prove; this file is the way through them, and holds those that belong nowhere else.
Each test's name begins with its flaw, so `pytest -k f07` runs all that speaks of F7.
"""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from django.apps import apps
from django.db import IntegrityError, transaction
from django.forms import Form, ModelForm
from django.utils import timezone

from integrations.models import Connection, Status
from tenants.scope import tenant_scope

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"

# Each flaw as seen elsewhere, and the files with its tests.
FLAWS = {
    "f01": (
        "the customer can choose or edit the external ID",
        ["integrations/api/test_connections.py", "integrations/admin/test_nothing_changed_by_hand.py"],
    ),
    "f02": ("the page validates, the backend does not", ["integrations/api/test_main_job.py"]),
    "f03": ("an external ID that can be guessed", ["integrations/api/test_connections.py"]),
    "f04": ("one external ID for all of a tenant's accounts", ["integrations/api/test_connections.py"]),
    "f05": (
        "an external ID that is optional, so that its condition goes missing",
        ["integrations/aws/test_policies.py", "integrations/role_templates/test_cloudformation.py"],
    ),
    "f06": ("the customer's role does not enforce the external ID", ["integrations/aws/test_trust.py"]),
    "f07": (
        "a wrong operator, a wildcard, or an OR-ed second statement",
        ["integrations/aws/test_trust.py", "integrations/aws/test_trust_lint.py"],
    ),
    "f08": (
        "a trust that is too wide",
        [
            "integrations/aws/test_policies.py",
            "integrations/aws/test_trust.py",
            "integrations/aws/test_trust_lint.py",
            "integrations/role_templates/test_cloudformation.py",
        ],
    ),
    "f09": (
        "a trust that breaks when the vendor recreates its role",
        [
            "integrations/actions/test_vendor_identity.py",
            "integrations/aws/test_trust_lint.py",
            "integrations/aws/test_vendor_doctor.py",
            "integrations/aws/test_verify.py",
            "integrations/test_vendor_doctor.py",
        ],
    ),
    "f10": (
        "a vendor principal that may assume anything",
        ["integrations/aws/test_policies.py", "integrations/aws/test_vendor_guards.py"],
    ),
    "f11": (
        "one role or account claimed by two tenants",
        ["integrations/api/test_main_job.py", "integrations/api/test_verifications.py"],
    ),
    "f12": (
        "tricks of case, path or partition in an ARN",
        ["integrations/aws/test_arns.py", "integrations/aws/test_verify.py"],
    ),
    "f13": (
        "broad policies managed by AWS in a template",
        ["integrations/role_templates/test_cloudformation.py"],
    ),
    "f14": (
        "more attached to the role than was asked for",
        ["integrations/aws/test_inspection.py", "integrations/aws/test_verify.py"],
    ),
    "f15": (
        "tags or session names that leak, or that the tenant controls",
        ["integrations/aws/test_chain.py", "integrations/aws/test_report.py"],
    ),
    "f16": (
        "trust left behind after off-boarding, and IDs used again",
        [
            "integrations/actions/test_out_of_use.py",
            "integrations/aws/test_removal.py",
            "integrations/test_vendor_flaws.py",
        ],
    ),
    "f17": ("forged callbacks", ["integrations/test_vendor_flaws.py"]),
    "f18": ("a template that was tampered with on its way", ["integrations/aws/test_trust.py"]),
    "f19": ("long-lived keys as a fallback", ["integrations/test_vendor_flaws.py"]),
    "f20": (
        "the vendor's own account or role given as the customer's",
        [
            "integrations/api/test_connections.py",
            "integrations/aws/test_vendor_guards.py",
            "integrations/aws/test_vendor_policies.py",
            "integrations/aws/test_verify.py",
            "integrations/role_templates/test_cloudformation.py",
        ],
    ),
}


def files_with_a_test_of(flaw: str) -> set[str]:
    found = set()
    for path in TESTS.rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        if f"_{flaw}_" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                named = re.match(r"test((?:_f\d\d)+)_", node.name)
                if named and flaw in named[1].split("_"):
                    found.add(path.relative_to(TESTS).as_posix())
    return found


@pytest.mark.parametrize("flaw", FLAWS)
def test_every_flaw_has_its_tests_where_this_file_says(flaw):
    _, files = FLAWS[flaw]

    assert files_with_a_test_of(flaw) >= set(files)
    assert files


def test_all_twenty_flaws_are_here():
    assert list(FLAWS) == [f"f{number:02}" for number in range(1, 21)]


# F16: IDs are never used again


def test_f16_the_external_id_of_a_removed_connection_is_never_issued_again(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        removed = Connection.objects.create(tenant=cast.tenant, name="Removed", removed_at=timezone.now())

        with pytest.raises(IntegrityError, match="an external ID is never used again"), transaction.atomic():
            Connection.objects.create(tenant=cast.tenant, name="New", external_id=removed.external_id)


# F17: what somebody says of a role is a hint, and only a live assume is proof

STATUSES = [
    {"status": "connected"},
    {"customer_roles": [{"component": "log-analysis", "status": "connected"}]},
    {"last_verification": {"state": "completed"}},
]


@pytest.mark.parametrize("body", STATUSES, ids=lambda body: next(iter(body)))
def test_f17_nobody_can_say_that_a_role_is_connected(api, cast, body) -> None:
    client = api(cast.owner, cast.tenant)
    made = client.post("/api/v1/connections/", {"name": "Production", "account_id": "1234-5678-9012"}, format="json")
    address = f"/api/v1/connections/{made.json()['id']}/"

    response = client.patch(address, body, format="json")

    assert response.status_code == 400, response.content
    with tenant_scope(cast.tenant.pk):
        connection = Connection.objects.get(pk=made.json()["id"])
        assert connection.status == Status.AWAITING
        assert {role.status for role in connection.roles.all()} == {Status.AWAITING}


# F19: there is nowhere to put an access key

A_KEY = re.compile(r"secret_?access|access_?key(?!_?id)|aws_?(secret|access)|session_?token", re.IGNORECASE)


def test_f19_no_table_has_a_column_for_an_access_key() -> None:
    columns = {
        f"{model._meta.label}.{field.name}"
        for label in ("tenants", "integrations")
        for model in apps.get_app_config(label).get_models()
        for field in model._meta.get_fields()
    }

    assert len(columns) > 50
    assert not {column for column in columns if A_KEY.search(column)}


def test_f19_no_form_has_a_field_for_one() -> None:
    for app in ("integrations", "tenants"):
        import_module(f"{app}.forms")
    forms = [form for kind in (Form, ModelForm) for form in _all_subclasses(kind) if hasattr(form, "base_fields")]

    names = {name for form in forms for name in form.base_fields}
    assert "account_id" in names
    assert not {name for name in names if A_KEY.search(name)}


def test_f19_no_request_and_no_answer_of_the_api_has_one() -> None:
    document = yaml.safe_load((ROOT / "docs/reference/openapi.yaml").read_text(encoding="utf-8"))

    names = {name for schema in document["components"]["schemas"].values() for name in schema.get("properties", {})}
    assert "external_id" in names
    assert not {name for name in names if A_KEY.search(name)}


def _all_subclasses(kind: type) -> set[type]:
    below: set[type] = {kind}
    children: list[type] = type.__subclasses__(kind)
    for child in children:
        below |= _all_subclasses(child)
    return below
