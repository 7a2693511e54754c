"""The STS error table, row by row, and what an AccessDenied text says."""

import logging
import traceback
from typing import Any

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from integrations.aws.errors import (
    AwsCallFailed,
    ClockSkewed,
    Denial,
    PolicyType,
    Refused,
    RegionDisabled,
    RequestInvalid,
    Retry,
    ServiceNotAvailable,
    SessionExpired,
    SessionPolicyInvalid,
    Throttled,
    Unreachable,
    VendorCredentialsInvalid,
    VendorIdentityMissing,
    read_denial,
    redact,
    translate,
)
from integrations.aws.report import Actor


def answer(code, message="", status=400):
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RequestId": "req-1", "HTTPStatusCode": status},
    }
    return ClientError(response, "AssumeRole")


@pytest.mark.parametrize(
    ("code", "status", "kind", "retry", "who"),
    [
        ("AccessDenied", 403, Refused, Retry.WHILE_YOUNG, Actor.NOBODY),
        ("ValidationError", 400, RequestInvalid, Retry.NEVER, Actor.VENDOR),
        ("MalformedPolicyDocument", 400, SessionPolicyInvalid, Retry.NEVER, Actor.VENDOR),
        ("PackedPolicyTooLarge", 400, SessionPolicyInvalid, Retry.NEVER, Actor.VENDOR),
        ("RegionDisabledException", 403, RegionDisabled, Retry.OTHER_REGION, Actor.CUSTOMER),
        ("ExpiredToken", 403, SessionExpired, Retry.REBUILD, Actor.NOBODY),
        ("ExpiredTokenException", 400, SessionExpired, Retry.REBUILD, Actor.NOBODY),
        ("InvalidClientTokenId", 403, VendorCredentialsInvalid, Retry.NEVER, Actor.VENDOR),
        ("UnrecognizedClientException", 403, VendorCredentialsInvalid, Retry.NEVER, Actor.VENDOR),
        ("SignatureDoesNotMatch", 403, VendorCredentialsInvalid, Retry.NEVER, Actor.VENDOR),
        ("Throttling", 400, Throttled, Retry.BACK_OFF, Actor.NOBODY),
        ("ThrottlingException", 400, Throttled, Retry.BACK_OFF, Actor.NOBODY),
        ("ThrottledException", 400, Throttled, Retry.BACK_OFF, Actor.NOBODY),
        ("RequestThrottled", 400, Throttled, Retry.BACK_OFF, Actor.NOBODY),
        ("RequestLimitExceeded", 503, Throttled, Retry.BACK_OFF, Actor.NOBODY),
        ("InternalFailure", 500, Unreachable, Retry.BACK_OFF, Actor.NOBODY),
        ("SomethingNew", 503, Unreachable, Retry.BACK_OFF, Actor.NOBODY),
        ("SomethingNew", 403, Refused, Retry.WHILE_YOUNG, Actor.NOBODY),
        ("SomethingNew", 400, AwsCallFailed, Retry.NEVER, Actor.NOBODY),
        ("OptInRequired", 401, ServiceNotAvailable, Retry.NEVER, Actor.NOBODY),
        ("UnauthorizedOperation", 403, Refused, Retry.WHILE_YOUNG, Actor.NOBODY),
        ("AccessDeniedException", 400, Refused, Retry.WHILE_YOUNG, Actor.NOBODY),
        ("RequestTimeTooSkewed", 403, ClockSkewed, Retry.NEVER, Actor.VENDOR),
    ],
)
def test_every_sts_error_says_whose_it_is_and_whether_to_ask_again(code, status, kind, retry, who):
    failure = translate(answer(code, "words", status))

    assert type(failure) is kind
    assert (failure.retry, failure.who) == (retry, who)
    assert (failure.code, failure.text, failure.request_id) == (code, "words", "req-1")


def test_a_signature_that_expired_is_a_matter_of_clocks():
    failure = translate(answer("SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than", 403))

    assert type(failure) is ClockSkewed


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="https://sts"), Unreachable),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://sts"), Unreachable),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://sts"), Unreachable),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="https://sts"), Unreachable),
        (botocore.exceptions.NoCredentialsError(), VendorIdentityMissing),
        (
            botocore.exceptions.CredentialRetrievalError(provider="container-role", error_msg="refused"),
            VendorIdentityMissing,
        ),
        (botocore.exceptions.ProfileNotFound(profile="x"), VendorIdentityMissing),
        (botocore.exceptions.ParamValidationError(report="RoleArn"), RequestInvalid),
        (botocore.exceptions.UnknownServiceError(service_name="x", known_service_names=""), AwsCallFailed),
    ],
)
def test_what_never_reached_aws_has_its_own_meaning(error, kind):
    assert type(translate(error)) is kind


@pytest.mark.parametrize(
    ("text", "policy_type", "explicit"),
    [
        ("because no identity-based policy allows the ec2:DescribeInstances action", PolicyType.IDENTITY, False),
        ("with an explicit deny in an identity-based policy", PolicyType.IDENTITY, True),
        ("with an explicit deny in a service control policy", PolicyType.SERVICE_CONTROL, True),
        (
            "because no service control policy allows the ec2:DescribeInstances action",
            PolicyType.SERVICE_CONTROL,
            False,
        ),
        ("with an explicit deny in a resource control policy", PolicyType.RESOURCE_CONTROL, True),
        ("because no resource control policy allows the ec2:X action", PolicyType.RESOURCE_CONTROL, False),
        ("because no permissions boundary allows the ec2:DescribeInstances action", PolicyType.BOUNDARY, False),
        ("with an explicit deny in a permissions boundary", PolicyType.BOUNDARY, True),
        ("because no session policy allows the ec2:DescribeInstances action", PolicyType.SESSION, False),
        ("with an explicit deny in a session policy", PolicyType.SESSION, True),
        ("because no resource-based policy allows the ec2:DescribeInstances action", PolicyType.RESOURCE, False),
        ("with an explicit deny in a resource-based policy", PolicyType.RESOURCE, True),
        ("because no VPC endpoint policy allows the ec2:DescribeInstances action", PolicyType.VPC_ENDPOINT, False),
        ("with an explicit deny in a VPC endpoint policy", PolicyType.VPC_ENDPOINT, True),
        ("because no role trust policy allows the sts:AssumeRole action", PolicyType.ROLE_TRUST, False),
    ],
)
def test_every_accessdenied_text_names_the_policy_that_refused(text, policy_type, explicit):
    denial = read_denial(
        "User: arn:aws:sts::222222222222:assumed-role/r/s is not authorized to perform: ec2:DescribeInstances "
        f"on resource: arn:aws:ec2:eu-central-1:222222222222:instance/* {text}"
    )

    assert denial == Denial(
        action="ec2:DescribeInstances",
        resource="arn:aws:ec2:eu-central-1:222222222222:instance/*",
        policy_type=policy_type,
        explicit=explicit,
    )


def test_the_arn_of_the_denying_policy_is_read_where_the_text_ends_with_it():
    arn = "arn:aws:organizations::333333333333:policy/o-abcdefghij/service_control_policy/p-12345678"

    denial = read_denial(
        "User: x is not authorized to perform: ec2:DescribeInstances with an explicit deny in a service control "
        f"policy: {arn}"
    )

    assert denial.policy_type is PolicyType.SERVICE_CONTROL
    assert denial.policy_arn == arn


@pytest.mark.parametrize("text", ["", "Access Denied"])
def test_a_bare_text_says_nothing(text):
    assert read_denial(text) == Denial()


ENCODED = "You are not authorized to perform this operation. Encoded authorization failure message: x4y-_Z9"


def test_ec2s_encoded_reason_is_kept_for_whoever_can_decode_it_and_for_nobody_else():
    assert read_denial(ENCODED) == Denial(encoded="x4y-_Z9")
    assert "x4y" not in redact(ENCODED)


def test_ec2s_longer_text_names_the_policy_and_holds_an_encoded_reason_too():
    denial = read_denial(
        "You are not authorized to perform this operation. User: arn:aws:sts::222222222222:assumed-role/r/s is not "
        "authorized to perform: ec2:DescribeHosts because no identity-based policy allows the ec2:DescribeHosts "
        "action. Encoded authorization failure message: x4y"
    )

    assert (denial.policy_type, denial.explicit, denial.encoded) == (PolicyType.IDENTITY, False, "x4y")


def test_ids_of_the_customers_organisation_stay_out_of_logs(caplog):
    text = (
        "explicit deny in a service control policy: arn:aws:organizations::333333333333:policy/o-abcdefghij/"
        "service_control_policy/p-12345678 in ou-abcd-12345678 and arn:aws:iam::222222222222:policy/secret-name"
    )

    try:
        raise translate(answer("AccessDenied", text, 403))
    except Refused as failure:
        logging.getLogger("test").exception("refused")
        shown = caplog.text + "".join(traceback.format_exception(failure)) + str(failure) + repr(failure)

    for secret in ("o-abcdefghij", "p-12345678", "ou-abcd-12345678", "secret-name", "333333333333"):
        assert secret not in shown
        assert secret not in redact(text)
    assert failure_text_is_kept(text)


def failure_text_is_kept(text):
    return translate(answer("AccessDenied", text, 403)).text == text
