"""The two tables of what AWS refuses and fails with, row by row: which tests speak of which row.

As test_vendor_flaws.py is the way through the flaws, this file is the way through the errors.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from integrations.aws.errors import AwsCallFailed, read_denial, translate
from integrations.aws.verdicts import REFUSAL_OF_PROBE
from tests.sources import source_of

# What STS answers, and where it is proved whose the error is and whether it is asked again.
STS_ERRORS = {
    "AccessDenied": [
        "test_sts_errors.py::test_accessdenied_from_a_to_b_is_the_vendors_and_raises_an_alert",
        "test_sts_errors.py::test_accessdenied_from_b_to_c_bare_is_untangled",
    ],
    "ValidationError": ["test_sts_errors.py::test_validationerror_is_the_vendors"],
    "MalformedPolicyDocument": ["test_sts_errors.py::test_a_session_policy_that_sts_does_not_take_is_the_vendors"],
    "PackedPolicyTooLarge": ["test_sts_errors.py::test_a_session_policy_that_sts_does_not_take_is_the_vendors"],
    "RegionDisabledException": [
        "test_sts_errors.py::test_regiondisabledexception_is_asked_again_in_another_region",
        "test_sts_errors.py::test_regiondisabledexception_everywhere_is_the_customers_to_switch_on",
    ],
    "ExpiredToken": [
        "test_sts_errors.py::test_expiredtoken_rebuilds_the_chain_and_is_nobodys_fault",
        "test_sts_errors.py::test_expiredtoken_at_a_call_in_the_customers_account_opens_the_session_anew",
        "test_sts_errors.py::test_expiredtoken_at_the_hop_into_the_customers_role_is_nobodys_and_changes_no_verdict",
        "test_sts_errors.py::test_expiredtoken_at_an_attempt_of_the_trust_test_opens_its_session_anew",
    ],
    "ExpiredTokenException": [
        "test_sts_errors.py::test_expiredtoken_at_the_hop_into_the_customers_role_is_nobodys_and_changes_no_verdict"
    ],
    "InvalidClientTokenId": ["test_sts_errors.py::test_credentials_that_aws_does_not_know_are_the_vendors"],
    "UnrecognizedClientException": ["test_sts_errors.py::test_credentials_that_aws_does_not_know_are_the_vendors"],
    "SignatureDoesNotMatch": [
        "test_sts_errors.py::test_credentials_that_aws_does_not_know_are_the_vendors",
        "test_sts_errors.py::test_a_clock_that_runs_wrong_is_the_vendors",
    ],
    "Throttling": ["test_sts_errors.py::test_load_in_passing_is_asked_again_until_it_is_over"],
    "RequestLimitExceeded": ["test_sts_errors.py::test_load_in_passing_is_asked_again_until_it_is_over"],
    "InternalFailure": ["test_sts_errors.py::test_load_in_passing_is_asked_again_until_it_is_over"],
    "ReadTimeoutError": [
        "test_sts_errors.py::test_a_readtimeouterror_at_the_hop_into_the_customers_role_blames_nobody"
    ],
    # No error of STS: a service's own, met with the customer's session.
    "RequestExpired": ["test_refusals.py::test_every_way_a_probe_fails_has_its_own_finding"],
    "OptInRequired": ["test_refusals.py::test_every_way_a_probe_fails_has_its_own_finding"],
}
# What the text of an AccessDenied says to a call with the customer role's credentials, and where it is proved who must
# act. The last one says nothing.
ACCESS_DENIED_TEXTS = {
    "because no identity-based policy allows": [
        "test_verify.py::test_a_permission_that_was_taken_away_is_named",
        "test_refusals.py::test_a_role_made_for_an_older_version_is_outdated_and_not_at_fault",
    ],
    "with an explicit deny in an identity-based policy": [
        "test_refusals.py::test_a_deny_on_the_role_is_the_customers_to_remove"
    ],
    "with an explicit deny in a service control policy": [
        "test_refusals.py::test_a_service_control_policy_is_the_organisations_to_change",
        "test_refusals.py::test_an_organisation_that_blocks_only_some_regions_has_them_named",
    ],
    "with an explicit deny in a resource control policy": [
        "test_refusals.py::test_a_resource_control_policy_is_the_organisations_to_change"
    ],
    "because no permissions boundary allows": ["test_refusals.py::test_a_permissions_boundary_is_its_owners_to_change"],
    "because no session policy allows": [
        "test_refusals.py::test_a_refusal_by_our_own_session_policy_is_never_the_customers"
    ],
    "with an explicit deny in a session policy": [
        "test_refusals.py::test_a_refusal_by_our_own_session_policy_is_never_the_customers"
    ],
    "because no resource-based policy allows": [
        "test_refusals.py::test_a_bucket_of_another_account_is_its_owners_to_open"
    ],
    "with an explicit deny in a resource-based policy": [
        "test_refusals.py::test_a_bucket_policy_is_the_bucket_owners_to_change_and_the_bucket_is_named"
    ],
    "with an explicit deny in a VPC endpoint policy": [
        "test_refusals.py::test_a_refusal_by_a_vpc_endpoint_is_our_networks_in_the_words_that_aws_has_for_it"
    ],
    "": ["test_refusals.py::test_every_way_a_probe_fails_has_its_own_finding"],
}


def source(test: str) -> str:
    """The source of a test of this directory that a row names."""
    return source_of(f"integrations/aws/{test}")


def kind_of(code: str) -> type[AwsCallFailed]:
    if code == ReadTimeoutError.__name__:
        return type(translate(ReadTimeoutError(endpoint_url="https://sts")))
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return type(translate(ClientError(answer, "AssumeRole")))


@pytest.mark.parametrize("code", STS_ERRORS)
def test_every_error_has_its_tests_where_this_file_says(code):
    assert STS_ERRORS[code]
    for test in STS_ERRORS[code]:
        assert code.lower() in source(test).lower(), test


@pytest.mark.parametrize("text", ACCESS_DENIED_TEXTS, ids=lambda text: text or "nothing")
def test_every_text_has_its_tests_where_this_file_says(text):
    assert ACCESS_DENIED_TEXTS[text]
    for test in ACCESS_DENIED_TEXTS[text]:
        assert source(test)


def test_no_kind_of_error_is_left_out():
    kinds = {kind for kind in AwsCallFailed.__subclasses__() if kind.__module__ == AwsCallFailed.__module__}

    assert {kind_of(code) for code in STS_ERRORS} == kinds


def test_no_kind_of_policy_is_left_out():
    named = {read_denial(text).policy_type for text in ACCESS_DENIED_TEXTS}

    assert named == {policy_type for policy_type, _ in REFUSAL_OF_PROBE}
