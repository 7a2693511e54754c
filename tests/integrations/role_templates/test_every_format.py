"""What holds for every format: no option ever makes a document invalid, or something else of it."""

import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import cfnlint
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from integrations.role_templates import cli, cloudformation, console, hcl, terraform
from integrations.role_templates.document import RoleSet
from integrations.role_templates.formats import Format, render
from integrations.role_templates.options import InvalidRoleOption, RoleOptions
from tests.integrations.aws.builders import CUSTOMER
from tests.integrations.role_templates import hcl_reader
from tests.integrations.role_templates.builders import (
    BOUNDARY,
    CATALOGUE,
    EVERY_OPTION,
    big_component,
    documents_of,
    role_set,
)
from tests.integrations.role_templates.test_same_roles import canonical, in_terraform

GOLDEN = Path(__file__).parent / "golden"
SHELLCHECK = Path(sys.executable).parent / "shellcheck"
# A case that starts bash or cfn-lint costs more than others: it has fewer, and at night as many times more as others.
MORE = settings().max_examples // 60

# What IAM takes.
names = st.text(alphabet="abzABZ019_+=,.@-", max_size=15)
tag_text = st.text(alphabet=st.characters(categories=["L", "N", "Zs"], include_characters="_.:/=+-@"), max_size=30)
options = st.builds(
    RoleOptions,
    name_pattern=st.builds("{}{{connection}}{}{{component}}".format, names, names),
    path=st.just("/") | st.text(alphabet="abzABZ019.,+@=_-", min_size=1, max_size=510).map(lambda inner: f"/{inner}/"),
    boundary_arn=st.sampled_from(["", BOUNDARY]),
    tags=st.dictionaries(tag_text.filter(bool), tag_text, max_size=48).map(lambda tags: tuple(tags.items())),
    max_session_seconds=st.integers(3600, 43200),
    regions=st.lists(st.sampled_from(["eu-central-1", "us-east-1", "sa-east-1"]), unique=True).map(tuple),
    self_inspection=st.booleans(),
)
# What IAM does not take, and would have to stay a value all the same.
HOSTILE = [
    "$(id)", "`id`", "${HOME}", "${var.x}", "%{ if true }", "'; rm -rf / #", '"', "\\", "a\nb", "\r", "\t", "\0x",
    "EOF", "{{resolve:ssm:x}}", "\u2028", "\U0001f600", "é", "!Ref x", "&a", "- x", "# x", "<b>", "```", "$${x}", "%%{",
    "${", "%{", "\\b", "\\f",
]  # fmt: skip
hostile = st.sampled_from(HOSTILE) | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)


def with_hostile(text: str) -> RoleSet:
    """A role set in which every text that a person wrote is `text`, as if nothing had judged it."""
    chosen = RoleOptions(tags=((f"key {text}", text),))
    [document] = documents_of(CATALOGUE.components[:1])
    spoilt = type(document)(
        **{**document.__dict__, "description": text, "extra_tags": chosen.tags, "boundary_arn": text}
    )
    chosen = RoleOptions(tags=chosen.tags, boundary_arn=text)
    return role_set([spoilt], options=chosen, product_name=text or "x", catalogue_version=text)


def bash(script: str, *arguments: str, cwd: str | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", *arguments], input=script.encode(), capture_output=True, timeout=30, cwd=cwd)


def arguments_of(script: str) -> list[list[str]]:
    """What bash makes of the arguments of each role, by running that part of the script alone."""
    data = script[: script.index("PERMISSIONS_BOUNDARY=")]
    show = 'show() { printf "%s\\0" "$#" "$@"; }\neach_role show\n'
    done = bash(data + show)
    assert done.returncode == 0, done.stderr
    parts = done.stdout.decode().split("\0")[:-1]
    roles = []
    while parts:
        count = int(parts.pop(0))
        roles.append(parts[:count])
        parts = parts[count:]
    return roles


@given(chosen=options)
@settings(max_examples=25 * MORE)
def test_every_choice_that_is_taken_gives_the_same_roles_in_every_format(chosen) -> None:
    try:
        roles = role_set(options=chosen)
    except InvalidRoleOption:
        return  # two keys that differ in capitals only, or one of ours
    wanted = canonical(roles)

    template = yaml.safe_load(cloudformation.render_yaml(roles))
    assert template == json.loads(cloudformation.render_json(roles))
    assert in_terraform(terraform.render_file(roles)) == wanted
    script = cli.render(roles)
    assert bash(script, "-n").returncode == 0
    for document, arguments in zip(roles.documents, arguments_of(script), strict=True):
        assert arguments[:3] == [document.role_name, document.path, document.description]
        assert json.loads(arguments[3]) == document.trust_policy
        assert {tag["Key"]: tag["Value"] for tag in json.loads(arguments[4])} == document.canonical["tags"]
        assert json.loads(arguments[6]) == document.inline_policies[0].document


@given(chosen=options)
@settings(max_examples=3 * MORE)
def test_every_choice_that_is_taken_gives_a_stack_that_cfn_lint_likes(chosen) -> None:
    try:
        roles = role_set(options=chosen)
    except InvalidRoleOption:
        return

    assert [str(match) for match in cfnlint.lint(cloudformation.render_yaml(roles))] == []


@given(text=hostile)
@settings(max_examples=40 * MORE)
def test_a_text_stays_a_value_whatever_it_holds(text) -> None:
    roles = with_hostile(text)

    for template in (
        yaml.safe_load(cloudformation.render_yaml(roles)),
        json.loads(cloudformation.render_json(roles)),
    ):
        assert template["Parameters"]["Tag1Value"]["Default"] == text
        assert template["Parameters"]["PermissionsBoundaryArn"]["Default"] == text
        assert template["Resources"]["ComputeAnalysisRole"]["Properties"]["Tags"][2]["Key"] == f"key {text}"
    [described] = in_terraform(terraform.render_file(roles))
    assert described == canonical(roles)[0]
    if "\0" not in text:  # no program can be given one
        script = cli.render(roles)
        assert bash(script, "-n").returncode == 0
        [arguments] = arguments_of(script)
        assert arguments[2] == text
        assert {"Key": f"key {text}", "Value": text} in json.loads(arguments[4])
    steps = console.steps(roles)[0].steps
    assert any(step.document == (text or "(empty)") for step in steps)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_runs_nothing(text, tmp_path) -> None:
    script = cli.render(with_hostile(text.replace("id", "touch run").replace("\0", "")))

    bash(script, cwd=str(tmp_path))

    assert list(tmp_path.iterdir()) == []


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@example(text="${")
@example(text="%{")
@example(text='${a"}')
@example(text="${a${b}")
@example(text="\\b")
@example(text="\\\\f\b\f")
def test_an_hcl_string_is_read_back_as_it_was(text) -> None:
    assert hcl_reader.read(f"x = {hcl.string(text)}\n")["x"] == text


@pytest.mark.parametrize(
    "roles", [role_set(), role_set(options=EVERY_OPTION), role_set(documents_of((big_component(400),)))]
)
def test_the_script_is_clean_to_shellcheck(roles) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(cli.render(roles))
        file.flush()
        done = subprocess.run([SHELLCHECK, file.name], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (0, "")


def test_shellcheck_would_have_complained() -> None:
    done = subprocess.run([SHELLCHECK, "-"], input="#!/bin/bash\nrm $1\n", capture_output=True, text=True, timeout=60)

    assert done.returncode == 1


@pytest.mark.parametrize("chosen", [Format.TERRAFORM, Format.CLI, Format.CLOUDFORMATION, Format.CONSOLE])
def test_the_layout_is_the_one_that_was_reviewed(chosen) -> None:
    file = render(chosen, role_set(documents_of(CATALOGUE.components[:1])))

    assert file.text == (GOLDEN / file.filename).read_text(), (
        "If it should have changed: python -m tests.integrations.role_templates.golden"
    )


def test_the_zip_holds_what_a_module_has() -> None:
    file = render(Format.TERRAFORM_ZIP, role_set())

    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        names = archive.namelist()
        readme = archive.read("rolebridge-c1/README.md").decode()

    assert names == [
        f"rolebridge-c1/{name}" for name in ("README.md", "main.tf", "outputs.tf", "variables.tf", "versions.tf")
    ]
    assert "- `rolebridge-c1-compute-analysis` in path `/`" in readme
    assert "applied" not in readme


@pytest.mark.parametrize("chosen", Format)
def test_a_file_is_deterministic_and_says_what_it_is(chosen) -> None:
    roles = role_set()

    file = render(chosen, roles)

    assert file == render(chosen, role_set())
    text = file.content.decode(errors="replace")
    assert roles.sha256 in text
    assert "1.0.0" in text
    assert CUSTOMER in text


def test_the_roles_have_another_sha256_when_anything_of_them_changes() -> None:
    seen = {role_set().sha256, role_set(documents_of(external_ids=("rb-next",))).sha256}
    for changed in (
        {"path": "/a/"},
        {"boundary_arn": BOUNDARY},
        {"tags": (("a", "b"),)},
        {"max_session_seconds": 3601},
        {"regions": ("eu-west-1",)},
        {"self_inspection": True},
        {"name_pattern": "x{connection}{component}"},
    ):
        seen.add(role_set(options=RoleOptions(**changed)).sha256)

    assert len(seen) == 9


def test_allowed_regions_are_asked_of_regional_calls_alone() -> None:
    component = CATALOGUE.components[0].model_copy(
        update={
            "permissions": (
                *CATALOGUE.components[0].permissions,
                CATALOGUE.components[0].permissions[0].model_copy(update={"action": "s3:ListAllMyBuckets"}),
            )
        }
    )

    [document] = documents_of((component,), options=RoleOptions(regions=("eu-west-1",)))

    regional, anywhere = document.inline_policies[0].document["Statement"]
    assert regional["Condition"] == {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}
    assert "ec2:DescribeInstances" in regional["Action"]
    assert anywhere["Action"] == ["s3:ListAllMyBuckets"]
    assert "Condition" not in anywhere
