"""Every cause of docs/reference/findings.md for which somebody must act, and the test that shows it in a browser.

Such a test names the cause, and `expect_cause` in it compares the page with what was stored, so that no name here lies.
"""

import pytest

from tests.findings_reference import rows_under
from tests.sources import source_of

ACCOUNT_DIFFERS = "test_account_findings.py::test_a_role_in_another_account_than_was_named_is_ours_to_look_into"
ACCOUNT_PROVED = (
    "test_account_findings.py::"
    "test_an_account_that_another_organisation_proved_is_ours_to_clear_and_nothing_else_is_told"
)
DRIFT = "test_self_inspection.py::test_each_drift_of_a_role_is_named_and_its_fix_undoes_it"
HOPS = "test_refusals.py::test_each_refusal_of_a_hop_points_at_it_and_its_fix_connects_again"
MAIN_JOB = "test_main_job.py::test_from_sign_up_to_connected_then_unsafe_degraded_and_unreachable"
OTHER_ID = (
    "test_external_id_rotation.py::"
    "test_a_role_that_holds_a_replaced_external_id_or_none_is_named_and_its_fix_connects_again"
)
PERMISSIONS = "test_refusals.py::test_each_refusal_of_a_permission_points_at_it_and_its_fix_connects_again"
REMOVAL = "test_out_of_use.py::test_paused_resumed_and_removed_with_a_statement"
ROTATION = "test_external_id_rotation.py::test_rotated_by_two_stack_updates_and_connected_all_the_while"
TOO_WIDE = (
    "test_self_inspection.py::test_each_way_to_write_the_trust_policy_too_wide_is_named_and_its_fix_connects_again"
)
UPDATE = "test_component_update.py::test_updated_in_the_browser_and_connected_all_the_while"

PLAYED = {
    "account_differs": ACCOUNT_DIFFERS,
    "account_not_confirmed": ACCOUNT_PROVED,
    "blocked_beyond_the_role": DRIFT,
    "blocked_by_boundary": PERMISSIONS,
    "blocked_by_customer_policy": PERMISSIONS,
    "blocked_by_organisation": PERMISSIONS,
    "blocked_by_resource_policy": PERMISSIONS,
    "boundary_lost": DRIFT,
    "control_refused": DRIFT,
    "external_id_missing": TOO_WIDE,
    "external_id_operator": TOO_WIDE,
    "external_id_other_values": DRIFT,
    "external_id_variable": TOO_WIDE,
    "missing_permission": MAIN_JOB,
    "more_than_asked": DRIFT,
    "next_external_id_not_accepted": ROTATION,
    "no_external_id_accepted": MAIN_JOB,
    "over_granted": PERMISSIONS,
    "previous_external_id": OTHER_ID,
    "product_tag_missing": HOPS,
    "refused_with_encoded_reason": PERMISSIONS,
    "refused_without_reason": PERMISSIONS,
    "region_disabled": HOPS,
    "retired_external_id_accepted": OTHER_ID,
    "role_not_assumable": HOPS,
    "role_outdated": UPDATE,
    "session_too_long": DRIFT,
    "still_open": REMOVAL,
    "trust_everybody": TOO_WIDE,
    "trust_lacks_source_identity": HOPS,
    "trust_lacks_tag_session": HOPS,
    "trust_not_principal": TOO_WIDE,
    "trust_open_but_refused": OTHER_ID,
    "trust_other_principal": DRIFT,
    "trust_principal_gone": DRIFT,
    "trust_too_wide": PERMISSIONS,
    "trust_unexpected_action": DRIFT,
    "trust_whole_account": TOO_WIDE,
    "vendor_role_refused": HOPS,
    "wrong_external_id_accepted": PERMISSIONS,
}

OURS = (
    "The page draws it as it does vendor_role_refused, with the same fix: there is nothing for the customer to do. To "
    "make it happen, the vendor's own side would have to be broken, which all tests share."
)
# What no browser plays, and why.
NOT_PLAYED = {
    "product_tag_lost": (
        "In the abac chain, which the portal runs here, a role without the tag is not entered and cannot be read: "
        "product_tag_missing. test_inspection.py plays it in the chained one."
    ),
    "trust_refuses_session": (
        "In the abac chain AWS would have to name the role's trust policy, which it does not across accounts: "
        "product_tag_missing. test_verify.py plays it in the chained one."
    ),
    "emergency_stop": "While the stop is on, the page says so in a note of its own: test_emergency_stop.py.",
    "canary_cannot_prove": OURS,
    "clock_skewed": OURS,
    "our_network": OURS,
    "our_session_policy": OURS,
    "probe_needs_more": OURS,
    "request_invalid": OURS,
    "session_policy_invalid": OURS,
    "vendor_credentials_invalid": OURS,
    "vendor_identity_missing": OURS,
    "vendor_policy_refused": OURS,
}


def test_every_cause_for_which_somebody_must_act_is_here_once() -> None:
    causes = {cause for cause, who in rows_under("Causes") if who != "nobody"}

    assert PLAYED.keys() | NOT_PLAYED.keys() == causes
    assert not PLAYED.keys() & NOT_PLAYED.keys()


@pytest.mark.parametrize("cause", PLAYED)
def test_a_cause_is_named_by_its_test(cause) -> None:
    assert f'"{cause}"' in source_of(f"functional/{PLAYED[cause]}")


def test_only_what_is_ours_is_left_out_with_one_reason_for_all() -> None:
    who = dict(rows_under("Causes"))

    assert {who[cause] for cause, reason in NOT_PLAYED.items() if reason == OURS} == {"vendor"}
