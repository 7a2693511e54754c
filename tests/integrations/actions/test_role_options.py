"""What a customer chose of the roles reaches the template, the role's ARN and the verification."""

import pytest

from integrations.actions import verification_runs
from integrations.actions.connections import ConnectionInUse, create_connection, update_connection
from integrations.actions.offboarding import request_removal
from integrations.actions.role_options import update_role_options
from integrations.actions.role_templates import (
    NoRoleTemplate,
    cloudformation_template,
    render_role_template,
    role_set,
)
from integrations.actions.targets import verification_target
from integrations.catalogue_file import catalogue
from integrations.models import Connection
from integrations.role_templates.formats import Format
from integrations.role_templates.options import InvalidRoleOption
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.customer import CustomerAccount, new_account_id, stack_name

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")

EVERY_CHOICE = {
    "name_pattern": "partner-{component}-{connection}",
    "path": "/partners/",
    "tags": (("Team", "Cloud"),),
    "max_session_seconds": 7200,
    "regions": ("eu-central-1", "us-east-1"),
    "self_inspection": True,
}


@pytest.fixture
def account() -> CustomerAccount:
    return CustomerAccount(new_account_id())


@pytest.fixture
def connection(cast, account) -> Connection:
    with tenant_scope(cast.tenant.pk):
        return create_connection(
            tenant=cast.tenant,
            name="Production",
            account_id=account.account_id,
            components=["log-analysis", "storage-analysis"],
            by=SYSTEM,
        )


def choose(connection, **choices) -> Connection:
    with tenant_scope(connection.tenant_id):
        return update_role_options(connection=connection, by=SYSTEM, **choices)


def test_every_choice_reaches_the_roles_and_the_verification_finds_them_right(
    sandbox_address, account, connection
) -> None:
    account.make_policy("boundary")
    boundary = f"arn:aws:iam::{account.account_id}:policy/boundary"
    connection = choose(connection, boundary_arn=boundary, **EVERY_CHOICE)
    with tenant_scope(connection.tenant_id):
        template = cloudformation_template(connection=connection)
        arns = {role.arn for role in connection.roles.all()}
    account.deploy(stack_name(connection), template.text)

    for _ in range(3):  # two in a row must pass, and the sandbox's first answer may come too late on a busy machine
        verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    made = {role["Arn"] for role in account.iam.list_roles(PathPrefix="/partners/")["Roles"]}
    assert arns == made
    with tenant_scope(connection.tenant_id):
        findings = list(verification.findings.all())
        assert Connection.objects.get(pk=connection.pk).status == "connected"
    assert {finding.region for finding in findings if finding.region} == {"eu-central-1", "us-east-1"}
    assert [finding.title for finding in findings if finding.outcome not in {"passed", "skipped"}] == []
    assert {finding.check_code for finding in findings} >= {
        "inspection.trust",
        "inspection.role",
        "inspection.policies",
    }


def test_a_boundary_that_is_taken_away_and_a_longer_session_are_found(sandbox_address, account, connection) -> None:
    account.make_policy("boundary")
    boundary = f"arn:aws:iam::{account.account_id}:policy/boundary"
    connection = choose(connection, boundary_arn=boundary, self_inspection=True)
    with tenant_scope(connection.tenant_id):
        account.deploy(stack_name(connection), cloudformation_template(connection=connection).text)
        name = connection.roles.get(component="log-analysis").name
    account.iam.delete_role_permissions_boundary(RoleName=name)
    account.iam.update_role(RoleName=name, MaxSessionDuration=43200)

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    with tenant_scope(connection.tenant_id):
        drift = verification.findings.filter(check_code="inspection.role", outcome="violated")
        assert set(drift.values_list("component", "cause")) == {
            ("log-analysis", "boundary_lost"),
            ("log-analysis", "session_too_long"),
        }


def test_a_role_used_outside_its_regions_is_refused_by_aws_itself(sandbox_address, account, connection) -> None:
    connection = choose(connection, regions=("eu-central-1",))
    with tenant_scope(connection.tenant_id):
        account.deploy(stack_name(connection), cloudformation_template(connection=connection).text)
    with tenant_scope(connection.tenant_id):
        Connection.objects.filter(pk=connection.pk).update(allowed_regions=["eu-west-1"])
        connection.refresh_from_db()

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    with tenant_scope(connection.tenant_id):
        denied = set(verification.findings.filter(outcome="denied").values_list("action", flat=True))
    assert "ec2:DescribeVolumes" in denied
    assert "s3:ListAllMyBuckets" not in denied


def test_the_choices_are_audited_and_the_same_ones_again_are_not(connection) -> None:
    choose(connection, path="/partners/")
    choose(connection, path="/partners/")

    with tenant_scope(connection.tenant_id):
        [event] = AuditEvent.objects.filter(action="system:connection:role_options_changed")
    assert event.data == {"path": "/partners/"}


@pytest.mark.parametrize("change", [{"path": "/other/"}, {"name_pattern": "x-{connection}-{component}"}])
def test_what_changes_the_arn_of_a_role_that_let_us_in_is_refused(connection, change) -> None:
    with tenant_scope(connection.tenant_id):
        connection.roles.filter(component="log-analysis").update(worked_at="2026-01-01T00:00:00Z")

    with pytest.raises(ConnectionInUse, match="their names and path cannot change"):
        choose(connection, **change)

    assert choose(connection, regions=("eu-west-1",)).allowed_regions == ["eu-west-1"]


def test_nothing_is_chosen_for_a_connection_that_is_being_removed(connection) -> None:
    with tenant_scope(connection.tenant_id):
        request_removal(connection=connection, by=SYSTEM)

    with pytest.raises(ConnectionInUse, match="being removed"):
        choose(connection, path="/partners/")


def test_a_choice_that_cannot_be_granted_writes_nothing(connection) -> None:
    with pytest.raises(InvalidRoleOption):
        choose(connection, path="/partners/", max_session_seconds=1)

    with tenant_scope(connection.tenant_id):
        assert Connection.objects.get(pk=connection.pk).role_path == "/"


def test_an_account_that_the_boundary_is_not_in_is_refused(connection) -> None:
    choose(connection, boundary_arn=f"arn:aws:iam::{connection.account_id}:policy/b")

    with pytest.raises(InvalidRoleOption, match="is a policy of account"), tenant_scope(connection.tenant_id):
        update_connection(connection=connection, account_id=new_account_id(), by=SYSTEM)


def test_a_role_that_breaks_a_quota_is_refused_with_the_figures(connection, monkeypatch) -> None:
    from integrations.actions import role_templates
    from tests.integrations.role_templates.builders import big_component

    current = catalogue()
    big = big_component(2000).model_copy(update={"id": "log-analysis"})
    monkeypatch.setattr(role_templates, "catalogue", lambda: current.model_copy(update={"components": (big,)}))

    with pytest.raises(NoRoleTemplate, match=r"fill \d+ managed policies of 6144"), tenant_scope(connection.tenant_id):
        role_set(connection=connection)


def test_the_target_of_a_plain_connection_is_the_usual_one(connection) -> None:
    with tenant_scope(connection.tenant_id):
        target = verification_target(connection, connection.roles.get(component="log-analysis"))

    assert target.role_name == f"rolebridge-{connection.reference}-log-analysis"
    assert (target.role_path, target.regions, target.self_inspection, target.boundary_arn) == ("/", (), False, "")
    assert target.version_tag_key == "Product-role-version"


def test_what_is_dropped_is_remembered_for_the_script_until_it_is_chosen_again(connection, account) -> None:
    boundaries = [f"arn:aws:iam::{account.account_id}:policy/{name}" for name in ("one", "two")]
    choose(connection, tags=(("Team", "Cloud"), ("Cost", "1")), boundary_arn=boundaries[0])
    choose(connection, tags=(("Cost", "2"),), boundary_arn=boundaries[1])
    choose(connection, tags=(), boundary_arn="")

    changed = choose(connection, tags=(("team", "Web"),))
    with tenant_scope(connection.tenant_id):
        script = render_role_template(roles=role_set(connection=changed), chosen=Format.CLI).text

    assert (changed.dropped_tag_keys, changed.dropped_boundary_arns) == (["Cost"], boundaries)
    assert "\nDROPPED_TAGS=Cost\n" in script
