"""Signatures, keys, sessions and their end. Source: AWS general reference, "Signing AWS API requests"; STS API."""

import datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from tests.integrations.sandbox.world import ALL_STS, allow, deny, refusal_of, trusting


@pytest.fixture
def caller(vendor):
    return vendor.user("caller", allow(["iam:ListRoles", *ALL_STS]))


def test_an_unknown_key_is_refused(world):
    sts = world.client("sts", "AKIAIOSFODNN7EXAMPLE", "secret")

    refused = refusal_of(sts.get_caller_identity)

    assert (refused.code, refused.status) == ("InvalidClientTokenId", 403)


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("iam", "list_roles", "SignatureDoesNotMatch"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("ec2", "describe_regions", "AuthFailure"),
        ("logs", "describe_log_groups", "InvalidSignatureException"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_is_refused_in_the_services_words(world, caller, service, operation, code):
    client = world.client(service, caller.key, "wrong-secret")

    assert refusal_of(getattr(client, operation)).code == code


@pytest.mark.parametrize("token", [None, "another-token"], ids=["missing", "wrong"])
def test_a_session_needs_its_own_token(vendor, world, caller, token):
    session = caller.assume(vendor.role("target", trusting(caller.arn)))
    sts = world.client("sts", session.key, session.secret, token)

    assert refusal_of(sts.get_caller_identity).code == "InvalidClientTokenId"


def test_an_inactive_key_is_refused_and_works_again_when_active(vendor, caller):
    name = caller.arn.rsplit("/", 1)[1]
    assert caller.client("iam").list_roles()

    vendor.iam.update_access_key(UserName=name, AccessKeyId=caller.key, Status="Inactive")
    assert refusal_of(caller.client("iam").list_roles).code == "InvalidClientTokenId"

    vendor.iam.update_access_key(UserName=name, AccessKeyId=caller.key, Status="Active")
    assert caller.client("iam").list_roles()


def test_a_deleted_key_is_refused(vendor, caller):
    assert caller.client("iam").list_roles()

    vendor.iam.delete_access_key(UserName=caller.arn.rsplit("/", 1)[1], AccessKeyId=caller.key)

    assert refusal_of(caller.client("iam").list_roles).code == "InvalidClientTokenId"


@pytest.mark.sandbox_only("speaks HTTP to the sandbox")
def test_a_body_that_was_changed_after_signing_is_refused(server, caller):
    request = AWSRequest("POST", server.url, data=b"Action=ListRoles&Version=2010-05-08")
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    SigV4Auth(Credentials(caller.key, caller.secret), "iam", "us-east-1").add_auth(request)
    request.data = b"Action=ListUsers&Version=2010-05-08"

    answer = URLLib3Session().send(request.prepare())

    assert answer.status_code == 403
    assert "SignatureDoesNotMatch" in answer.text


@pytest.mark.sandbox_only("speaks HTTP to the sandbox")
def test_a_request_signed_an_hour_ago_is_refused(server, caller, monkeypatch):
    request = AWSRequest("POST", server.url, data=b"Action=ListRoles&Version=2010-05-08")
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_options: then.replace(tzinfo=None))
    SigV4Auth(Credentials(caller.key, caller.secret), "iam", "us-east-1").add_auth(request)

    answer = URLLib3Session().send(request.prepare())

    assert answer.status_code == 403
    assert "Signature expired" in answer.text


def test_a_presigned_request_is_answered_and_a_tampered_one_is_not(vendor):
    s3 = vendor.client("s3")
    bucket = vendor.bucket("presigned")
    s3.put_object(Bucket=bucket, Key="a key/with+signs", Body=b"content")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a key/with+signs"})

    good = URLLib3Session().send(AWSRequest("GET", url).prepare())
    bad = URLLib3Session().send(AWSRequest("GET", url.replace("signs", "sighs")).prepare())

    assert (good.status_code, good.content) == (200, b"content")
    assert (bad.status_code, "SignatureDoesNotMatch" in bad.text) == (403, True)


@pytest.mark.sandbox_only("speaks HTTP to the sandbox")
def test_an_unsigned_request_is_refused(server):
    answer = URLLib3Session().send(AWSRequest("POST", server.url, data=b"Action=ListRoles").prepare())

    assert answer.status_code == 403
    assert "MissingAuthenticationToken" in answer.text


def test_get_caller_identity_is_always_allowed(vendor):
    forbidden = vendor.user("forbidden", deny("*"))

    identity = forbidden.client("sts").get_caller_identity()

    assert (identity["Arn"], identity["Account"]) == (forbidden.arn, vendor.id)


def test_a_policy_change_reaches_a_live_session(vendor):
    session = vendor.session("target", allow("iam:ListRoles"))
    assert session.client("iam").list_roles()

    vendor.policy("target", allow("iam:ListUsers"))

    assert "no identity-based policy" in refusal_of(session.client("iam").list_roles).message
    assert session.client("iam").list_users()


@pytest.mark.sandbox_only("goes by the sandbox's clock")
def test_sessions_issued_before_a_moment_can_be_revoked(vendor, server):
    session = vendor.session("target", allow("iam:ListRoles"))
    assert session.client("iam").list_roles()

    # By the clock of the sandbox, which other tests move.
    now = datetime.datetime.fromisoformat(server.control("health")["time"]) + datetime.timedelta(seconds=1)
    revoked = deny("*", Condition={"DateLessThan": {"aws:TokenIssueTime": now.isoformat()}})
    vendor.policy("target", revoked, name="AWSRevokeOlderSessions")

    assert "explicit deny" in refusal_of(session.client("iam").list_roles).message


def test_a_session_of_a_role_that_was_deleted_can_do_nothing(vendor):
    session = vendor.session("target", allow("iam:ListRoles"))

    name = vendor.world.name("target")
    vendor.iam.delete_role_policy(RoleName=name, PolicyName="permissions")
    vendor.iam.delete_role(RoleName=name)
    vendor.role("target", trusting(vendor.id), policy=(allow("iam:ListRoles"),))

    assert refusal_of(session.client("iam").list_roles).code == "AccessDenied"


def test_a_users_session_token_has_the_users_permissions(vendor, world, caller):
    made = caller.client("sts").get_session_token()["Credentials"]
    iam = world.client("iam", made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    assert iam.list_roles()
    assert refusal_of(iam.list_users).code == "AccessDenied"


@pytest.mark.sandbox_only("signs in as an account's root")
def test_the_root_of_an_account_may_do_anything_there(vendor, customer):
    assert vendor.iam.list_roles()["Roles"] == []
    customer.role("theirs", trusting(customer.id))
    assert vendor.iam.list_roles()["Roles"] == []
