"""Where a process finds the AWS identity from which each chain begins: a profile, the metadata of an instance, or the
agent of a pod.

Most other tests begin with a container's credentials, as a task of ECS has them.
"""

import json
import urllib.request

import pytest

from integrations.aws.chain import VendorSide
from tests.integrations.aws.conftest import VENDOR_OF_CHAIN
from tests.web_servers import answering, web_server

TOKEN = "the-token-of-this-machine"
ROLES = "/latest/meta-data/iam/security-credentials/"


@pytest.fixture
def workers_credentials(vendor, sandbox, monkeypatch):
    """Credentials of the worker's role, of which the environment tells this process nothing."""
    address = f"{sandbox.url}/_sandbox/credentials/{VENDOR_OF_CHAIN[vendor.chain]}/rolebridge/worker"
    with urllib.request.urlopen(address, timeout=10) as answer:
        credentials = json.load(answer)
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    return credentials


@pytest.fixture
def profile(workers_credentials, monkeypatch, tmp_path):
    """This process is told a profile, which is in a file of shared credentials."""
    file = tmp_path / "credentials"
    file.write_text(
        "[default]\n"
        "aws_access_key_id = AKIAANOTHER\n"
        "aws_secret_access_key = another\n"
        "[rolebridge]\n"
        f"aws_access_key_id = {workers_credentials['AccessKeyId']}\n"
        f"aws_secret_access_key = {workers_credentials['SecretAccessKey']}\n"
        f"aws_session_token = {workers_credentials['Token']}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "rolebridge")


@pytest.fixture
def instance(workers_credentials, monkeypatch):
    """This process runs on an instance with the worker's role. Its metadata service says nothing without a token."""
    known = {ROLES: "worker", f"{ROLES}worker": json.dumps({"Code": "Success", **workers_credentials})}

    def answer(asked, handler):
        if (asked.method, asked.path) == ("PUT", "/latest/api/token"):
            answering(200, TOKEN.encode())(asked, handler)
        elif asked.headers.get("x-aws-ec2-metadata-token") != TOKEN:
            answering(401)(asked, handler)
        elif asked.path in known:
            answering(200, known[asked.path].encode())(asked, handler)
        else:
            answering(404)(asked, handler)

    with web_server(answer) as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.address)
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        yield


@pytest.fixture
def pod(workers_credentials, monkeypatch, tmp_path):
    """This process runs in a pod of EKS with the worker's role. The agent answers who shows the token in the file."""

    def answer(asked, handler):
        shown = asked.headers.get("authorization")
        answering(*((200, json.dumps(workers_credentials).encode()) if shown == TOKEN else (401,)))(asked, handler)

    with web_server(answer) as server:
        token = tmp_path / "eks-pod-identity-token"
        token.write_text(TOKEN)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.address}/v1/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
        yield


@pytest.mark.parametrize("source", ["profile", "instance", "pod"])
def test_the_chain_begins_with_what_the_environment_gives(request, vendor, source):
    request.getfixturevalue(source)
    side = VendorSide(vendor)

    name = side.base_role_name()
    arn = side.own_role_sts("trust-test").get_caller_identity()["Arn"]

    assert name == "worker"
    assert f"{vendor.vendor_account_id}:assumed-role/trust-test/" in arn
