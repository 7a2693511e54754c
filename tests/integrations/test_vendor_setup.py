"""`manage.py vendor_setup`: what the command takes, writes and refuses."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command


def rendered(*arguments: str) -> str:
    out = StringIO()
    call_command("vendor_setup", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "first"), [("cloudformation", "{"), ("terraform", "# Roles of"), ("cli", "#!/usr/bin/env bash")]
)
def test_it_prints_a_format_or_writes_it(tmp_path, name, first) -> None:
    printed = rendered("--format", name)
    said = rendered("--format", name, "--output", str(tmp_path / "file"))

    assert printed.startswith(first)
    assert (tmp_path / "file").read_text() == printed
    assert said == f"11 roles of account 111111111111 are in {tmp_path / 'file'}\n"


def test_chain_trust_base_and_path_are_options() -> None:
    text = rendered(
        "--format", "cloudformation", "--chain", "chained", "--trust", "account-root", "--role-path", "/vendor/",
        "--base", "eks-irsa", "--oidc-issuer", "https://oidc.eks.eu-central-1.amazonaws.com/id/AB12",
        "--service-account", "rolebridge:worker",
    )  # fmt: skip

    roles = json.loads(text)["Resources"]
    [statement] = roles["IntegrationRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    assert (
        "arn:aws:iam::111111111111:role/vendor/components/log-analysis"
        in (statement["Condition"]["ArnLike"]["aws:PrincipalArn"])
    )
    [platform] = roles["WorkerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert platform["Principal"] == {
        "Federated": "arn:aws:iam::111111111111:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/AB12"
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "existing-role"], "takes the ARN of that role"),
        (["--role-path", "rolebridge"], "begins and ends with a slash"),
        (["--output", "/nowhere/at/all"], "cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_rendered_or_written_is_refused_with_what_to_do(arguments, message) -> None:
    with pytest.raises(CommandError, match=message):
        rendered("--format", "cli", *arguments)
