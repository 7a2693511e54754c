"""All formats create the same roles: CloudFormation and the script in the sandbox, Terraform as what its file holds."""

import dataclasses
import io
import itertools
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET, create_or_update_stack, delete_stack
from integrations.role_templates import cli, cloudformation, console, terraform
from integrations.role_templates.document import DEFAULT_OPTIONS, RoleSet
from integrations.role_templates.options import RoleOptions
from tests.integrations.aws.builders import EXTERNAL_ID, make_catalogue
from tests.integrations.aws.conftest import set_up_vendor
from tests.integrations.role_templates import hcl_reader
from tests.integrations.role_templates.builders import EVERY_OPTION, big_component, documents_of, role_set
from tests.sandbox_server import SandboxServer, running_sandbox

ACCOUNTS = itertools.count(444444440001)


@pytest.fixture(scope="session")
def sandbox():
    with running_sandbox() as running:
        yield running


class Account:
    """A customer's account, its roles read back as canonical values, and a shell that is signed in to it."""

    def __init__(self, sandbox: SandboxServer, aws_command: Path, home: Path) -> None:
        self.sandbox = sandbox
        self.aws_command = aws_command
        self.id = str(next(ACCOUNTS))
        self.iam = ClientFactory(sandbox.url).with_keys("iam", "us-east-1", self.id, SANDBOX_SECRET)
        self.home = home

    def run(self, script: str, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a rendered script with the real command line, in an empty environment."""
        (self.home / "roles.sh").write_text(script)
        return subprocess.run(
            ["bash", "roles.sh", command],
            cwd=self.home,
            env={
                "PATH": f"{self.aws_command}:{os.environ['PATH']}",
                "HOME": str(self.home),
                "AWS_ENDPOINT_URL": self.sandbox.url,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": self.id,
                "AWS_SECRET_ACCESS_KEY": SANDBOX_SECRET,
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )

    def roles(self) -> list[dict]:
        """The roles of the account as `RoleDocument.canonical` has them."""
        return sorted((self._role(role["RoleName"]) for role in self.iam.list_roles()["Roles"]), key=by_name)

    def _role(self, name: str) -> dict:
        role = self.iam.get_role(RoleName=name)["Role"]
        attached = self.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        return {
            "name": role["RoleName"],
            "path": role["Path"],
            "description": role.get("Description", ""),
            "trust": role["AssumeRolePolicyDocument"],
            "inline": {
                policy: self.iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in self.iam.list_role_policies(RoleName=name)["PolicyNames"]
            },
            "managed": {policy["PolicyName"]: self._managed(policy["PolicyArn"]) for policy in attached},
            "tags": {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
            "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            "max_session_seconds": role["MaxSessionDuration"],
        }

    def _managed(self, arn: str) -> dict:
        version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return self.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

    def policies(self) -> list[str]:
        """The names of the customer's own managed policies."""
        return sorted(policy["PolicyName"] for policy in self.iam.list_policies(Scope="Local")["Policies"])

    def make_role(self, name: str, path: str = "/") -> None:
        """A role of the customer's own."""
        trust = {"Effect": "Allow", "Principal": {"AWS": self.id}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": [trust]}
        self.iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(document))

    def make_boundary(self) -> str:
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        made = self.iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(document))
        return str(made["Policy"]["Arn"])


@pytest.fixture
def account(sandbox, aws_command, tmp_path) -> Account:
    return Account(sandbox, aws_command, tmp_path)


def by_name(role: dict) -> str:
    return str(role["name"])


def canonical(roles: RoleSet) -> list[dict]:
    """What the role set says, in a plain form."""
    return sorted(json.loads(json.dumps([document.canonical for document in roles.documents])), key=by_name)


def in_terraform(text: str) -> list[dict]:
    """The roles that a rendered module describes, with its variables at their defaults."""
    module = hcl_reader.read(text)
    variables = {name: body["default"] for name, body in hcl_reader.blocks(module, "variable").items()}
    inline = hcl_reader.blocks(module, "resource", "aws_iam_role_policy")
    managed = hcl_reader.blocks(module, "resource", "aws_iam_policy")
    attachments = hcl_reader.blocks(module, "resource", "aws_iam_role_policy_attachment")
    found = []
    for label, role in hcl_reader.blocks(module, "resource", "aws_iam_role").items():
        assert role["permissions_boundary"] == '${var.permissions_boundary == "" ? null : var.permissions_boundary}'
        assert role["max_session_duration"] == "${var.max_session_seconds}"
        of_role = f"${{aws_iam_role.{label}.name}}"
        attached = [body["policy_arn"] for body in attachments.values() if body["role"] == of_role]
        found.append(
            {
                "name": role["name"],
                "path": role["path"],
                "description": role["description"],
                "trust": role["assume_role_policy"],
                "inline": {body["name"]: body["policy"] for body in inline.values() if body["role"] == of_role},
                "managed": {
                    body["name"]: body["policy"]
                    for name, body in managed.items()
                    if f"${{aws_iam_policy.{name}.arn}}" in attached
                },
                "tags": {**variables["extra_tags"], **role["tags"]},
                "boundary": variables["permissions_boundary"],
                "max_session_seconds": variables["max_session_seconds"],
            }
        )
    return sorted(found, key=by_name)


@pytest.fixture(scope="session")
def vendor_in(sandbox):
    """The vendor's account in the sandbox: IAM takes no role as a principal that does not exist."""

    def set_up(chain, trust_form="pinned"):
        return dataclasses.replace(set_up_vendor(sandbox, chain), trust_form=trust_form)

    return set_up


def roles_for(
    account: Account, vendor, options=DEFAULT_OPTIONS, components=None, external_ids=(EXTERNAL_ID,)
) -> RoleSet:
    if options.boundary_arn:
        options = dataclasses.replace(options, boundary_arn=f"arn:aws:iam::{account.id}:policy/boundary")
    documents = documents_of(
        components or make_catalogue().components,
        vendor=vendor,
        options=options,
        account_id=account.id,
        external_ids=external_ids,
    )
    return role_set(documents, options=options, account_id=account.id)


SETS = {
    "plain": (RoleOptions(), None),
    "every option": (EVERY_OPTION, None),
    "400 actions": (EVERY_OPTION, (big_component(400),)),
}


@pytest.mark.parametrize("what", ["plain", "every option", pytest.param("400 actions", marks=pytest.mark.nightly)])
def test_stack_script_and_module_make_the_same_roles(account, vendor_in, what) -> None:
    account.make_boundary()
    roles = roles_for(account, vendor_in("abac"), *SETS[what])
    wanted = canonical(roles)

    assert in_terraform(terraform.render_file(roles)) == wanted

    create_or_update_stack(account.sandbox.url, account.id, "s", cloudformation.render_yaml(roles))
    assert account.roles() == wanted
    delete_stack(account.sandbox.url, account.id, "s")
    assert account.roles() == []

    done = account.run(cli.render(roles), "create")
    assert done.returncode == 0, done.stderr
    assert account.roles() == wanted


@pytest.mark.parametrize("chain", ["direct", "chained", "abac"])
@pytest.mark.parametrize("trust_form", ["pinned", "account-root"])
def test_every_chain_and_form_of_trust_renders_to_the_same_roles(account, vendor_in, chain, trust_form) -> None:
    roles = roles_for(account, vendor_in(chain, trust_form))
    wanted = canonical(roles)

    create_or_update_stack(account.sandbox.url, account.id, "s", cloudformation.render_json(roles))

    assert account.roles() == wanted == in_terraform(terraform.render_file(roles))
    principal = wanted[0]["trust"]["Statement"][0]["Principal"]["AWS"]
    assert principal.endswith(":root") == (trust_form == "account-root")
    assert ("components/" in json.dumps(wanted[0]["trust"])) == (chain == "direct")


def test_the_zip_holds_the_same_module_as_the_one_file(account, vendor_in) -> None:
    roles = roles_for(account, vendor_in("abac"), EVERY_OPTION)

    with zipfile.ZipFile(io.BytesIO(terraform.render_zip(roles))) as archive:
        text = "\n".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".tf"))

    assert in_terraform(text) == in_terraform(terraform.render_file(roles)) == canonical(roles)


def test_the_script_changes_nothing_the_second_time(account, vendor_in) -> None:
    account.make_boundary()
    script = cli.render(roles_for(account, vendor_in("abac"), EVERY_OPTION))
    account.run(script, "create")
    before = account.roles()

    again = account.run(script, "create")

    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == [f"{role['name']}: as it should be" for role in before]
    assert account.roles() == before


def test_update_brings_the_roles_of_an_older_script_to_the_new_one(account, vendor_in) -> None:
    vendor = vendor_in("abac")
    account.make_boundary()
    small, big = big_component(3), big_component(400)
    account.run(cli.render(roles_for(account, vendor, components=(small,))), "create")
    changed = dataclasses.replace(EVERY_OPTION, name_pattern=RoleOptions().name_pattern, path="/")
    bigger = roles_for(account, vendor, changed, (big,), external_ids=(EXTERNAL_ID, "rb-next"))

    grown = account.run(cli.render(bigger), "update")

    assert grown.returncode == 0, grown.stderr
    assert account.roles() == canonical(bigger)

    smaller = roles_for(account, vendor, changed, (small,))
    shrunk = account.run(cli.render(smaller), "update")

    assert shrunk.returncode == 0, shrunk.stderr
    assert account.roles() == canonical(smaller)
    assert account.policies() == ["boundary"]


@pytest.mark.nightly
def test_the_oldest_version_of_a_managed_policy_makes_room(account, vendor_in) -> None:
    roles = roles_for(account, vendor_in("abac"), components=(big_component(400),))
    account.run(cli.render(roles), "create")
    arn = f"arn:aws:iam::{account.id}:policy/{roles.documents[0].managed_policies[0].name}"
    other = json.dumps(roles.documents[0].managed_policies[1].document)
    for _ in range(4):
        account.iam.create_policy_version(PolicyArn=arn, PolicyDocument=other, SetAsDefault=True)

    done = account.run(cli.render(roles), "update")

    assert done.returncode == 0, done.stderr
    assert account.roles() == canonical(roles)
    versions = account.iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert sorted(version["VersionId"] for version in versions) == ["v2", "v3", "v4", "v5", "v6"]


def test_update_makes_no_role(account, vendor_in) -> None:
    done = account.run(cli.render(roles_for(account, vendor_in("abac"))), "update")

    assert done.returncode == 1
    assert "There is no role rolebridge-c1-compute-analysis. Use create." in done.stderr
    assert account.roles() == []


def test_delete_removes_exactly_what_the_script_made(account, vendor_in) -> None:
    account.make_boundary()
    account.make_role("theirs")
    script = cli.render(roles_for(account, vendor_in("abac"), EVERY_OPTION, (big_component(400),)))
    account.run(script, "create")
    assert len(account.policies()) > 2

    done = account.run(script, "delete")

    assert done.returncode == 0, done.stderr
    assert [role["name"] for role in account.roles()] == ["theirs"]
    assert account.policies() == ["boundary"]
    assert "not there" in account.run(script, "delete").stdout


def test_delete_removes_nothing_of_a_role_to_which_somebody_attached_more(account, vendor_in) -> None:
    script = cli.render(roles_for(account, vendor_in("abac")))
    account.run(script, "create")
    name = account.roles()[0]["name"]
    extra = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}],
    }
    account.iam.put_role_policy(RoleName=name, PolicyName="theirs", PolicyDocument=json.dumps(extra))
    before = account.roles()

    done = account.run(script, "delete")

    assert done.returncode == 1
    assert "has the inline policy theirs, which this script did not make" in done.stderr
    assert account.roles() == before


@pytest.mark.parametrize("command", ["create", "update", "delete"])
def test_a_role_of_the_same_name_that_is_not_ours_is_left_alone(account, vendor_in, command) -> None:
    account.make_role("rolebridge-c1-compute-analysis", path="/theirs/")
    before = account.roles()

    done = account.run(cli.render(roles_for(account, vendor_in("abac"))), command)

    assert done.returncode == 1
    assert "It is not the one this script makes" in done.stderr
    assert account.roles() == before


def test_the_script_stops_in_another_account(account, vendor_in, tmp_path_factory) -> None:
    other = Account(account.sandbox, account.aws_command, tmp_path_factory.mktemp("other"))

    done = other.run(cli.render(roles_for(account, vendor_in("abac"))), "create")

    assert done.returncode == 1
    assert f"You are signed in to AWS account {other.id}; these roles are for {account.id}." in done.stderr
    assert other.roles() == []


def test_a_read_that_is_refused_is_not_taken_for_a_role_that_is_not_there(account, vendor_in) -> None:
    script = cli.render(roles_for(account, vendor_in("abac")))
    account.run(script, "create")
    account.iam.create_user(UserName="blind")
    key = account.iam.create_access_key(UserName="blind")["AccessKey"]

    done = account.run(
        script, "delete", AWS_ACCESS_KEY_ID=key["AccessKeyId"], AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"]
    )

    assert done.returncode == 1
    assert "AccessDenied" in done.stderr
    assert "not there" not in done.stdout
    assert len(account.roles()) == 2


def test_boundary_and_session_length_may_be_given_to_the_script(account, vendor_in) -> None:
    boundary = account.make_boundary()
    script = cli.render(roles_for(account, vendor_in("abac")))

    done = account.run(script, "create", PERMISSIONS_BOUNDARY=boundary, MAX_SESSION_SECONDS="14400")

    assert done.returncode == 0, done.stderr
    assert {(role["boundary"], role["max_session_seconds"]) for role in account.roles()} == {(boundary, 14400)}


@pytest.mark.nightly
def test_update_takes_off_what_was_dropped_and_nothing_that_others_put_there(account, vendor_in) -> None:
    vendor = vendor_in("abac")
    boundary = account.make_boundary()
    chosen = RoleOptions(tags=(("cost centre: RD/1", "42"), ("team", "web")), boundary_arn=boundary)
    account.run(cli.render(roles_for(account, vendor, chosen)), "create")
    names = [role["name"] for role in account.roles()]
    for name in names:
        account.iam.tag_role(RoleName=name, Tags=[{"Key": "added-by-others", "Value": "x"}])
    kept = RoleOptions(tags=(("team", "web"),))
    after = dataclasses.replace(
        roles_for(account, vendor, kept),
        dropped_tag_keys=("cost centre: RD/1", "never there"),
        dropped_boundary_arns=(boundary,),
    )

    done = account.run(cli.render(after), "update")
    again = account.run(cli.render(after), "update")

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("tag cost centre: RD/1 removed") == len(names)
    assert "removed" not in again.stdout
    for role in account.roles():
        assert role["boundary"] == ""
        assert role["tags"].keys() == {"Product", "Product-role-version", "team", "added-by-others"}


@pytest.mark.nightly
def test_a_boundary_that_was_never_chosen_here_stays(account, vendor_in) -> None:
    vendor, boundary = vendor_in("abac"), account.make_boundary()
    account.run(cli.render(roles_for(account, vendor)), "create", PERMISSIONS_BOUNDARY=boundary)

    done = account.run(cli.render(roles_for(account, vendor)), "update")

    assert "which is left as it is" in done.stdout
    assert {role["boundary"] for role in account.roles()} == {boundary}


def test_the_console_steps_hold_every_document(account, vendor_in) -> None:
    options = dataclasses.replace(EVERY_OPTION, path="/")
    roles = roles_for(account, vendor_in("abac"), options)

    steps = console.steps(roles)

    assert [role.role_name for role in steps] == [document.role_name for document in roles.documents]
    for document, role in zip(roles.documents, steps, strict=True):
        shown = {step.document_name: step.document for step in role.steps if step.document}
        assert json.loads(shown["trust policy"]) == document.trust_policy
        assert json.loads(shown["policy permissions"]) == document.inline_policies[0].document
        assert shown["role name"] == document.role_name
        assert shown["permissions boundary"] == document.boundary_arn
        assert shown["session length"] == "7200"
        assert {key: shown[f"tag {key}"] for key, _ in document.tags} == dict(document.tags)
        assert shown["tag Team"] == "Cloud platform"
        assert all(step in console.render(roles) for step in (document.role_name, document.boundary_arn))


def test_the_console_makes_no_role_in_another_path(account, vendor_in) -> None:
    with pytest.raises(console.ConsoleCannot, match=r"makes roles in the path / only, and you chose /partners/"):
        console.steps(roles_for(account, vendor_in("abac"), EVERY_OPTION))
