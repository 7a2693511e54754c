"""What each format describes, made for real: the roles are there, and a verification through them works."""

import json
import os
import subprocess
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import create_or_update_stack
from integrations.aws.report import role_status
from integrations.aws.template_bucket import TemplateBucket, publish_template
from integrations.aws.vendor_policies import template_bucket_policy
from integrations.aws.vendor_roles import Base, BaseKind, vendor_roles
from integrations.aws.verify import verify_role
from integrations.vendor_templates import cli, cloudformation
from tests.integrations.aws.builders import make_catalogue, make_settings
from tests.integrations.aws.conftest import Customer, root_client
from tests.integrations.vendor_templates.reading import canonical, roles_in_account, wanted_roles
from tests.sandbox_server import new_account_id

NAMES = {"catalogue_version": "1.0.0", "product_name": 'Northwind\'s "Insights" $(date)'}
# The command line takes a second of CPU for each of some thirty calls.
slow = pytest.mark.timeout(500)
ALL_FORMS = [("abac", "pinned"), ("chained", "account-root"), ("direct", "pinned")]


@pytest.fixture
def new_vendor(sandbox, monkeypatch):
    """Settings of a vendor's account in which there is nothing yet, and the worker's identity in it."""

    def make(chain):
        settings = make_settings(
            chain=chain, vendor_account_id=new_account_id(), endpoint_url=sandbox.url, repeat_pause=0.01
        )
        monkeypatch.setenv(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            f"{sandbox.url}/_sandbox/credentials/{settings.vendor_account_id}/rolebridge/worker",
        )
        return settings

    return make


@pytest.fixture
def run_script(sandbox, aws_command, tmp_path):
    """Run the script with the real command line and an account root's keys."""

    def run(script, argument, account_id):
        path = tmp_path / "vendor.sh"
        path.write_text(script)
        environment = {
            "PATH": f"{aws_command}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": sandbox.url,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": account_id,
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        return subprocess.run(
            ["bash", str(path), *argument], env=environment, capture_output=True, text=True, timeout=400, check=False
        )

    return run


def one_component():
    """A catalogue of one component: the script has a call or three for each role."""
    catalogue = make_catalogue()
    return catalogue.model_copy(update={"components": catalogue.components[:1]})


def verified(sandbox, settings):
    """The status of a new customer's role, by a verification through the vendor's roles."""
    customer = Customer(sandbox, settings, make_catalogue())
    customer.deploy()
    report = verify_role(settings, customer.target(), on_finding=lambda finding: None)
    return role_status(report)


def iam_of(sandbox, settings):
    return root_client(sandbox, "iam", settings.vendor_account_id)


@pytest.mark.parametrize(("chain", "form"), [*ALL_FORMS, ("abac", "account-root"), ("chained", "pinned")])
def test_the_cloudformation_stack_makes_the_roles_and_they_work(sandbox, new_vendor, chain, form):
    settings = new_vendor(chain)
    wanted = vendor_roles(settings, make_catalogue(), trust_form=form)
    template = cloudformation.render(wanted, **NAMES)

    for _ in range(2):
        create_or_update_stack(sandbox.url, settings.vendor_account_id, "rolebridge-vendor", template)

    assert roles_in_account(iam_of(sandbox, settings)) == wanted_roles(wanted)
    assert verified(sandbox, settings) == "connected"


@slow
@pytest.mark.parametrize(
    ("chain", "form"), [ALL_FORMS[0], *(pytest.param(*other, marks=pytest.mark.nightly) for other in ALL_FORMS[1:])]
)
def test_the_script_makes_the_roles_and_they_work(sandbox, new_vendor, run_script, chain, form):
    settings = new_vendor(chain)
    wanted = vendor_roles(settings, one_component(), trust_form=form)

    done = run_script(cli.render(wanted, **NAMES), ["apply"], settings.vendor_account_id)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("created") == len(wanted.roles)
    assert roles_in_account(iam_of(sandbox, settings)) == wanted_roles(wanted)
    assert verified(sandbox, settings) == "connected"


@slow
def test_the_script_mends_what_is_there_and_removes_it_all_again(sandbox, new_vendor, run_script):
    settings = new_vendor("direct")
    iam = iam_of(sandbox, settings)
    wanted = vendor_roles(settings, one_component(), Base(BaseKind.EC2_INSTANCE))
    script = cli.render(wanted, **NAMES)
    run_script(script, ["apply"], settings.vendor_account_id)
    iam.delete_role_policy(RoleName="canary", PolicyName="rolebridge")
    iam.untag_role(RoleName="compute-analysis", TagKeys=["Product"])
    iam.create_role(RoleName="retired", Path=settings.component_role_path, AssumeRolePolicyDocument=TRUSTS_NOBODY)

    again = run_script(script, ["apply"], settings.vendor_account_id)
    mended = roles_in_account(iam_of_without(iam, "retired"))
    deleted = [run_script(script, ["delete"], settings.vendor_account_id) for _ in range(2)]

    assert again.returncode == 0, again.stderr
    assert again.stdout.count("updated") == len(wanted.roles)
    assert "left     /rolebridge/components/retired is no component" in again.stdout
    assert mended == wanted_roles(wanted)
    assert [done.returncode for done in deleted] == [0, 0], deleted
    assert deleted[0].stdout.count("deleted") == len(wanted.roles)
    assert deleted[1].stdout == ""
    assert iam.list_roles()["Roles"] == []
    assert iam.list_instance_profiles()["InstanceProfiles"] == []


TRUSTS_NOBODY = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}'
)


def iam_of_without(iam, name):
    """The same account, once the role `name` is gone."""
    iam.delete_role(RoleName=name)
    return iam


@pytest.mark.parametrize(
    ("argument", "spoil", "message"),
    [
        ([], None, "Say apply or delete"),
        (["apply"], "account", "The roles belong into account|the roles belong into account"),
        (["apply"], "name", "The role 'worker' exists already, in the path /theirs/"),
    ],
)
def test_the_script_changes_nothing_that_is_not_its_own(sandbox, new_vendor, run_script, argument, spoil, message):
    settings = new_vendor("direct")
    iam = iam_of(sandbox, settings)
    if spoil == "name":
        iam.create_role(RoleName="worker", Path="/theirs/", AssumeRolePolicyDocument=TRUSTS_NOBODY)
    script = cli.render(vendor_roles(settings, make_catalogue()), **NAMES)
    credentials_of = new_account_id() if spoil == "account" else settings.vendor_account_id

    done = run_script(script, argument, credentials_of)

    assert done.returncode == 1
    assert any(part in done.stderr for part in message.split("|")), done.stderr
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == (["worker"] if spoil == "name" else [])


@pytest.mark.parametrize(
    "base",
    [
        Base(BaseKind.EKS_POD_IDENTITY),
        Base(BaseKind.EKS_IRSA, oidc_issuer="oidc.eks.eu-central-1.amazonaws.com/id/E", service_account="a:b"),
        Base(BaseKind.EC2_INSTANCE),
    ],
    ids=lambda base: base.kind,
)
def test_a_worker_role_for_each_platform_can_be_made(sandbox, new_vendor, base):
    settings = new_vendor("abac")
    wanted = vendor_roles(settings, make_catalogue(), base)

    create_or_update_stack(
        sandbox.url, settings.vendor_account_id, "rolebridge-vendor", cloudformation.render(wanted, **NAMES)
    )

    assert roles_in_account(iam_of(sandbox, settings)) == wanted_roles(wanted)


def test_an_existing_role_becomes_the_base(sandbox, new_vendor, monkeypatch):
    settings = new_vendor("abac")
    iam = iam_of(sandbox, settings)
    trusts_ecs = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},'
        '"Action":"sts:AssumeRole"}]}'
    )
    arn = iam.create_role(RoleName="portal", Path="/apps/", AssumeRolePolicyDocument=trusts_ecs)["Role"]["Arn"]
    wanted = vendor_roles(settings, make_catalogue(), Base(BaseKind.EXISTING_ROLE, role_arn=arn))
    monkeypatch.setenv(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        f"{sandbox.url}/_sandbox/credentials/{settings.vendor_account_id}/apps/portal",
    )

    create_or_update_stack(
        sandbox.url, settings.vendor_account_id, "rolebridge-vendor", cloudformation.render(wanted, **NAMES)
    )

    assert verified(sandbox, settings) == "connected"


class TestTheTemplateBucket:
    """Its permissions: the portal may put templates there, everybody may get one, and nobody list them."""

    BUCKET = "rolebridge-role-templates"

    @pytest.fixture
    def vendor(self, sandbox, new_vendor):
        """A vendor with a bucket, and the bucket's client with the account root's keys."""
        settings = new_vendor("abac")
        settings = replace(settings, template_bucket=f"{self.BUCKET}-{settings.vendor_account_id}")
        s3 = root_client(sandbox, "s3", settings.vendor_account_id)
        s3.create_bucket(
            Bucket=settings.template_bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        return settings, s3

    def works(self, settings, s3) -> None:
        """The bucket has the policy, and the worker's role puts a template there and nothing elsewhere."""
        policy = json.loads(s3.get_bucket_policy(Bucket=settings.template_bucket)["Policy"])
        assert canonical(policy) == canonical(template_bucket_policy(settings))
        bucket = TemplateBucket(settings.template_bucket, "eu-central-1", "public-read", settings.endpoint_url)
        published = publish_template(bucket, b"Resources: {}", "ab12")
        assert published.url.endswith("/role-templates/ab12.yaml")
        kept = s3.get_object(Bucket=settings.template_bucket, Key="role-templates/ab12.yaml")["Body"].read()
        assert kept == b"Resources: {}"
        mine = ClientFactory(settings.endpoint_url).with_own_identity("s3", "eu-central-1")
        for elsewhere in (
            lambda: mine.put_object(Bucket=settings.template_bucket, Key="other/x", Body=b""),
            lambda: mine.list_objects_v2(Bucket=settings.template_bucket),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                elsewhere()

    def test_the_stack_makes_them(self, sandbox, vendor):
        settings, s3 = vendor
        template = cloudformation.render(vendor_roles(settings, one_component()), **NAMES)

        create_or_update_stack(sandbox.url, settings.vendor_account_id, "rolebridge-vendor", template)

        self.works(settings, s3)

    @slow
    @pytest.mark.nightly
    def test_the_script_makes_them_and_takes_them_away(self, vendor, run_script):
        settings, s3 = vendor
        script = cli.render(vendor_roles(settings, one_component()), **NAMES)

        done = run_script(script, ["apply"], settings.vendor_account_id)

        assert done.returncode == 0, done.stderr
        self.works(settings, s3)
        assert run_script(script, ["delete"], settings.vendor_account_id).returncode == 0
        with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
            s3.get_bucket_policy(Bucket=settings.template_bucket)

    def test_presigned_addresses_need_no_policy_of_the_bucket(self, vendor):
        settings, _ = vendor
        presigned = replace(settings, template_bucket_access="presigned")

        assert template_bucket_policy(presigned) is None
        assert "TemplateBucketPolicy" not in cloudformation.render(vendor_roles(presigned, one_component()), **NAMES)
