"""Each rule of the sandbox, broken one at a time, is noticed by a test."""

from collections.abc import Callable
from functools import cached_property

import pytest
from _pytest.outcomes import Failed
from botocore.exceptions import ClientError

from tests.integrations.sandbox import (
    test_assume_role,
    test_authorisation,
    test_boundaries,
    test_control,
    test_creation_tags,
    test_requests,
    test_service_keys,
    test_session_policies,
    test_session_tags,
)
from tests.integrations.sandbox.mutations import MUTATIONS
from tests.integrations.sandbox.world import ALL_STS, Account, Actor, World, allow
from tests.sandbox_server import SandboxServer, running_sandbox

pytestmark = pytest.mark.sandbox_only("AWS cannot be broken on purpose")


class Stage:
    """What the tests' fixtures would have given them, on a sandbox of its own."""

    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        self.world = World(server)
        self.vendor: Account = self.world.account()
        self.customer: Account = self.world.account()

    @cached_property
    def starter(self) -> Actor:
        return self.vendor.user("starter", allow(["iam:ListRoles", *ALL_STS]))

    def chain(self):
        return _plain(test_session_tags.chain)(self.vendor, self.customer, self.starter)

    def organisation(self):
        return _plain(test_boundaries.organisation)(self.vendor, self.world, self.server)

    def bucket(self):
        return _plain(test_boundaries.bucket)(self.customer)


def _plain(fixture):
    """Give the function under a fixture."""
    return fixture._get_wrapped_function()


NOTICED: dict[str, Callable[[Stage], None]] = {
    "no_chain_cap": lambda s: test_session_policies.test_a_chained_session_lasts_at_most_an_hour(
        s.vendor, s.customer, s.starter
    ),
    "tags_not_carried": lambda s: test_session_tags.test_transitive_tags_are_carried_on_and_others_are_not(
        s.customer, s.starter, s.chain()
    ),
    "session_tags_are_no_principal_tags": lambda s: (
        test_session_tags.test_a_session_tag_is_a_principal_tag_in_the_roles_policies(s.vendor, s.starter)
    ),
    "no_boundary": lambda s: test_boundaries.test_a_roles_boundary_limits_its_sessions(s.vendor),
    "no_session_policies": lambda s: test_session_policies.test_a_session_policy_limits_the_next_assume_role(
        s.vendor, s.customer, s.starter
    ),
    "no_tag_session": lambda s: test_session_tags.test_session_tags_need_tag_session_in_the_trust(
        s.vendor, s.customer, s.starter
    ),
    "no_set_source_identity": lambda s: test_session_tags.test_source_identity_needs_its_permission_in_the_trust(
        s.vendor, s.customer, s.starter
    ),
    "external_id_offered_to_every_check": lambda s: (
        test_session_tags.test_the_external_id_is_offered_to_assume_role_alone(s.vendor, s.customer, s.starter)
    ),
    "source_identity_may_change": lambda s: (
        test_session_tags.test_source_identity_sticks_to_the_chain_and_cannot_change(s.starter, s.chain())
    ),
    "no_explicit_deny": lambda s: test_assume_role.test_a_deny_in_the_trust_wins(s.vendor, s.customer),
    "no_service_control_policies": lambda s: test_boundaries.test_every_level_of_the_organisation_has_to_allow(
        s.organisation()
    ),
    "account_root_is_enough": lambda s: (
        test_assume_role.test_an_account_root_trust_in_the_same_account_says_that_the_identity_policy_is_silent(
            s.vendor
        )
    ),
    "trust_across_accounts_is_enough": lambda s: (
        test_assume_role.test_a_trust_across_accounts_that_names_the_caller_still_needs_its_permission(
            s.vendor, s.customer
        )
    ),
    "no_conditions": lambda s: test_assume_role.test_a_missing_or_wrong_external_id_is_denied_with_no_reason(
        s.vendor, s.customer, {}
    ),
    "variables_without_values": lambda s: test_session_tags.test_the_external_id_can_be_compared_with_the_sessions_tag(
        s.vendor, s.customer, s.starter
    ),
    "principals_kept_as_arns": lambda s: test_assume_role.test_a_principal_deleted_and_created_anew_no_longer_matches(
        s.vendor, s.customer
    ),
    "sessions_never_expire": lambda s: test_control.test_an_expired_session_is_refused_in_the_services_words(
        s.world, s.server, s.starter
    ),
    "signatures_unchecked": lambda s: test_requests.test_a_wrong_secret_is_refused_in_the_services_words(
        s.world, s.starter, "sts", "get_caller_identity", "SignatureDoesNotMatch"
    ),
    "inactive_keys_accepted": lambda s: test_requests.test_an_inactive_key_is_refused_and_works_again_when_active(
        s.vendor, s.starter
    ),
    "no_bucket_policies": lambda s: test_boundaries.test_a_bucket_policy_denies_even_an_administrator(
        s.customer, s.bucket()
    ),
    "no_tagging_at_creation": lambda s: test_creation_tags.test_tags_at_creation_need_the_tagging_action(
        s.vendor, *test_creation_tags.CALLS[3]
    ),
    "no_passed_roles": lambda s: test_authorisation.test_passing_a_role_needs_pass_role(s.vendor),
    "keys_offered_to_every_action": lambda s: (
        test_authorisation.test_a_key_is_absent_for_actions_that_the_reference_does_not_list_it_for(
            s.vendor, "ec2:Region", "iam:ListRoles", "list_roles"
        )
    ),
    "no_keys_of_parameters": lambda s: test_authorisation.test_the_policy_that_is_attached_is_a_condition_key(s.vendor),
    "no_keys_of_resources": lambda s: test_service_keys.test_a_stack_is_judged_by_its_tags(s.vendor),
    "service_control_policies_at_once": lambda s: test_control.service_control_policies_take_time(s.server, s.world),
    "bucket_policies_at_once": lambda s: test_control.bucket_policies_take_time(s.server, s.world),
    "identities_at_once": lambda s: test_control.iam_changes_take_time(s.server, s.world),
    "controls_open_to_web_pages": lambda s: test_control.test_no_web_page_reaches_the_controls(
        s.server, s.world, test_control.BY_A_PAGE[3], "reset"
    ),
    "nothing_is_authorised": lambda s: test_authorisation.test_not_action_and_not_resource(s.vendor),
}


SLOWLY = dict.fromkeys(
    ("service_control_policies_at_once", "bucket_policies_at_once", "identities_at_once"), ("--propagation", "20")
)
"""Rules that show only where changes take their time."""


def test_every_mutation_has_a_test_that_notices():
    assert set(NOTICED) == set(MUTATIONS)


@pytest.mark.parametrize(
    "mutation",
    [  # each takes a sandbox of its own, so CI breaks every fifth rule
        pytest.param(mutation, marks=[pytest.mark.nightly] if number % 5 else [])
        for number, mutation in enumerate(sorted(NOTICED))
    ],
)
def test_a_broken_rule_is_noticed(mutation):
    command = ("-m", "tests.integrations.sandbox.mutations", mutation)
    with running_sandbox(*SLOWLY.get(mutation, ()), command=command) as server:
        stage = Stage(server)

        with pytest.raises((AssertionError, Failed, ClientError)):
            NOTICED[mutation](stage)


def test_no_test_that_notices_fails_when_nothing_is_broken(server):
    for mutation, notice in NOTICED.items():
        if mutation not in SLOWLY:
            notice(Stage(server))
    with running_sandbox("--propagation", "20") as slow:
        for mutation in SLOWLY:
            NOTICED[mutation](Stage(slow))
