"""The vendor's own roles in each format: the same roles, clean by each tool's own check, in a layout that is held."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.aws.arns import InvalidRoleName, validate_role_path
from integrations.aws.policies import PolicyTooLong
from integrations.aws.vendor_roles import Base, BaseKind, InvalidBase, vendor_roles
from integrations.vendor_templates import cli, cloudformation, terraform
from tests.integrations.aws.builders import VENDOR, make_catalogue, make_settings
from tests.integrations.aws.test_vendor_policies import catalogue_of
from tests.integrations.role_templates import hcl_reader
from tests.integrations.vendor_templates.reading import roles_in_template, roles_in_terraform, wanted_roles

CATALOGUE = make_catalogue()
GOLDEN = Path(__file__).parent / "golden"
BIN = Path(sys.executable).parent
RENDERERS = {"json": cloudformation.render, "tf": terraform.render, "sh": cli.render}
EXISTING = f"arn:aws:iam::{VENDOR}:role/apps/portal"
BASES = [
    Base(),
    Base(BaseKind.EC2_INSTANCE),
    Base(BaseKind.EKS_POD_IDENTITY),
    Base(
        BaseKind.EKS_IRSA,
        oidc_issuer="oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE",
        service_account="rolebridge:worker",
    ),
    Base(BaseKind.EXISTING_ROLE, role_arn=EXISTING),
]
CHAINS = ["direct", "chained", "abac"]
FORMS = ["pinned", "account-root"]


def wanted(chain="abac", base=None, form="pinned", catalogue=None, **changes):
    return vendor_roles(make_settings(chain=chain, **changes), catalogue or CATALOGUE, base, form)


def rendered(suffix, roles, product_name="Northwind Insights", version="1.0.0"):
    return RENDERERS[suffix](roles, catalogue_version=version, product_name=product_name)


VARIANTS = [(chain, BASES[0], form) for chain in CHAINS for form in FORMS]
VARIANTS += [("abac", base, "pinned") for base in BASES[1:]]
ABAC = wanted()
every_variant = pytest.mark.parametrize(
    ("chain", "base", "form"),
    VARIANTS,
    ids=lambda value: str(getattr(value, "kind", value)),
)


@every_variant
def test_cloudformation_and_terraform_say_the_same_roles(chain, base, form):
    roles = wanted(chain, base, form)

    assert roles_in_template(rendered("json", roles)) == wanted_roles(roles)
    assert roles_in_terraform(rendered("tf", roles)) == wanted_roles(roles)


@pytest.fixture(scope="module")
def every_text(tmp_path_factory):
    """Every variant in the formats that have a checker, as files."""
    directory = tmp_path_factory.mktemp("rendered")
    for chain, base, form in VARIANTS:
        for suffix in ("json", "sh"):
            path = directory / f"{chain}-{base.kind}-{form}.{suffix}"
            path.write_text(rendered(suffix, wanted(chain, base, form)))
    for suffix in ("json", "sh"):
        (directory / f"with-a-bucket.{suffix}").write_text(rendered(suffix, wanted(template_bucket="our-templates")))
    return directory


def test_cfn_lint_has_nothing_to_say(every_text):
    done = subprocess.run(
        [str(BIN / "cfn-lint"), *map(str, sorted(every_text.glob("*.json")))],
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "")


def test_bash_and_shellcheck_have_nothing_to_say(every_text):
    scripts = [str(path) for path in sorted(every_text.glob("*.sh"))]
    for script in scripts:
        subprocess.run(["bash", "-n", script], timeout=20, check=True)

    done = subprocess.run([str(BIN / "shellcheck"), *scripts], capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("abac.json", wanted()),
        ("abac.tf", wanted()),
        ("abac.sh", wanted()),
        ("chained-account-root.tf", wanted("chained", form="account-root")),
        ("direct-ec2.json", wanted("direct", Base(BaseKind.EC2_INSTANCE))),
    ],
)
def test_the_layout_is_what_it_was(name, roles):
    """Write the files anew with WRITE_GOLDEN_FILES=1 and read the difference before you commit it."""
    path = GOLDEN / name
    text = rendered(path.suffix[1:], roles)
    if os.environ.get("WRITE_GOLDEN_FILES"):
        path.write_text(text)

    assert text == path.read_text()


@pytest.mark.parametrize("suffix", RENDERERS)
@given(product_name=st.text(max_size=60), version=st.text(max_size=20))
def test_no_text_of_ours_can_change_what_a_format_says(suffix, product_name, version):
    text = rendered(suffix, ABAC, product_name, version)

    if suffix == "json":
        assert roles_in_template(text) == wanted_roles(ABAC)
    else:
        heading = {"tf": 0, "sh": 1}[suffix]
        lines, others = text.split("\n"), rendered(suffix, ABAC).split("\n")
        assert lines[heading].startswith("# Roles of ")
        assert lines[:heading] + lines[heading + 1 :] == others[:heading] + others[heading + 1 :]


@settings(max_examples=12)  # reading HCL takes most of a second
@given(
    path=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200).map(
        lambda inner: f"/{inner}/"
    ),
    tag=st.text("abzABZ019_.:/=+@-", min_size=1, max_size=128),
)
def test_any_path_and_tag_is_said_as_it_is_or_refused(path, tag):
    try:
        validate_role_path(path)
        roles = wanted(role_path=path, product_tag_value=tag)
    except (InvalidRoleName, ValueError):
        return

    assert roles_in_template(rendered("json", roles)) == wanted_roles(roles)
    assert roles_in_terraform(rendered("tf", roles)) == wanted_roles(roles)
    assert _arguments(rendered("sh", roles)) == [(role.name, role.path) for role in roles.roles]


def _arguments(script):
    """Names and paths as bash itself reads them out of the script."""
    head, _, _ = script.partition("\nfail() {")
    done = subprocess.run(
        ["bash", "-c", head + '\nshow() { printf "%s\\0%s\\0" "$1" "$2"; }\neach_role show'],
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    words = done.stdout.split("\0")[:-1]
    return list(zip(words[::2], words[1::2], strict=True))


def test_the_chained_form_refuses_more_components_than_fit_with_the_figures():
    with pytest.raises(PolicyTooLong, match=r"list 40 component roles in \d+ characters; IAM takes 2048"):
        wanted("chained", catalogue=catalogue_of(40))
    assert wanted("abac", catalogue=catalogue_of(40))


def test_a_pinned_trust_names_roles_and_an_account_root_one_names_them_in_a_condition():
    worker = make_settings().worker_role_arn
    [pinned] = [role for role in wanted().roles if role.name == "trust-test"]
    [rooted] = [role for role in wanted(form="account-root").roles if role.name == "trust-test"]

    assert pinned.trust["Statement"][0]["Principal"] == {"AWS": worker}
    assert rooted.trust["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{VENDOR}:root"}
    assert rooted.trust["Statement"][0]["Condition"] == {"ArnLike": {"aws:PrincipalArn": worker}}
    for form in FORMS:
        named = yaml.safe_load(json.dumps([role.trust for role in wanted("chained", form=form).roles]))
        assert all(
            statement["Effect"] == "Deny" or "*" not in json.dumps(statement["Principal"])
            for trust in named
            for statement in trust["Statement"]
        )


def test_with_an_existing_role_there_is_no_worker_and_the_role_gets_the_workers_policy():
    roles = wanted(base=BASES[-1])
    template = json.loads(rendered("json", roles))["Resources"]

    assert "worker" not in wanted_roles(roles)
    assert template["BasePolicy"]["Properties"]["RoleName"] == "portal"
    assert template["BasePolicy"]["Properties"]["PolicyDocument"] == roles.base_policy
    assert template["TrustTestRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "AWS": EXISTING
    }
    assert 'resource "aws_iam_role_policy" "base"' in rendered("tf", roles)
    assert "EXISTING_ROLE=portal" in rendered("sh", roles)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Base(BaseKind.EXISTING_ROLE), "takes the ARN of that role"),
        (lambda: Base(BaseKind.ECS_TASK, role_arn=EXISTING), "no other base takes one"),
        (lambda: Base(BaseKind.EKS_IRSA), "takes the cluster's OIDC issuer"),
        (lambda: Base(BaseKind.EKS_IRSA, oidc_issuer='x"', service_account="a:b"), "is no OIDC issuer"),
        (lambda: Base(BaseKind.EKS_IRSA, oidc_issuer="a.b/id/C", service_account="b"), "namespace:name"),
        (
            lambda: wanted(base=Base(BaseKind.EXISTING_ROLE, role_arn="arn:aws:iam::999999999999:role/x")),
            "is not in the vendor's account 111111111111",
        ),
        (lambda: wanted(base=Base(BaseKind.EXISTING_ROLE, role_arn="arn:aws:iam::1:user/x")), "not a role ARN"),
    ],
)
def test_a_base_that_cannot_be_one_gets_a_message_that_says_what_to_give(make, message):
    with pytest.raises(ValueError, match=message):
        make()
    assert issubclass(InvalidBase, ValueError)


def test_more_roles_than_a_stack_holds_are_refused_with_the_figures():
    with pytest.raises(cloudformation.TooManyRoles, match=r"has 508 resources and \d+ bytes"):
        rendered("json", wanted(catalogue=catalogue_of(500)))


def test_terraform_holds_the_policy_of_the_template_bucket():
    roles = wanted(template_bucket="our-templates")
    module = hcl_reader.read(rendered("tf", roles))

    [found] = hcl_reader.blocks(module, "resource", "aws_s3_bucket_policy").values()

    assert (found["bucket"], found["policy"]) == ("our-templates", roles.bucket_policy)
    assert "aws_s3_bucket_policy" not in rendered("tf", wanted(template_bucket=""))
