"""What a role tells of itself, and what shows in no refusal: each is seen on the page, and the fix that stands there is
applied. As test_refusals.py plays what is refused.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.customer import new_account_id, sandbox_control
from tests.environment import VENDOR_ACCOUNT_ID
from tests.functional.customer_pages import expect_status
from tests.functional.refusals import (
    COMPUTE,
    CUSTOMER,
    LOGS,
    STORAGE,
    WHOLE_TRUST,
    Refusal,
    Scene,
    Statements,
    no_mending_needed,
    policy,
    says,
)

MORE_THAN_ASKED = "arn:aws:iam::aws:policy/AmazonRoute53ReadOnlyAccess"


def boundary_in(account_id: str) -> str:
    """The permissions boundary that was chosen for all roles; it allows everything."""
    return f"arn:aws:iam::{account_id}:policy/limits-of-all-roles"


@pytest.fixture
def telling(browser_page, worker, beat, cast, sign_in, live_portal) -> Iterator[Scene]:
    """All roles are connected, may read themselves and have a boundary."""
    yield Scene(
        browser_page,
        cast,
        sign_in(cast.owner),
        live_portal,
        options=lambda account_id: {"self_inspection": True, "boundary_arn": boundary_in(account_id)},
    )
    sandbox_control("faults", {"clear": True})


@pytest.mark.timeout(300)
def test_each_drift_of_a_role_is_named_and_its_fix_undoes_it(telling) -> None:
    scene, account, iam = telling, telling.account, telling.account.iam
    of_compute = scene.role(COMPUTE)

    iam.update_role(RoleName=of_compute, MaxSessionDuration=7200)
    iam.delete_role_permissions_boundary(RoleName=of_compute)
    iam.attach_role_policy(RoleName=of_compute, PolicyArn=MORE_THAN_ASKED)
    nobody = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    gone = iam.create_role(RoleName="gone", AssumeRolePolicyDocument=policy(nobody))["Role"]["Arn"]
    partner = f"arn:aws:iam::{new_account_id()}:root"
    scene.change_trust(LOGS, lambda its: let_in_more(its, [partner, gone]))
    iam.delete_role(RoleName="gone")
    # A resource control policy that AWS does not name, and a test of ours that is turned away for what it lacks.
    says("ec2", account.account_id, "UnauthorizedOperation", "Not you.", operation="DescribeVolumes")
    asks_for_more = {"StringLike": {"aws:SourceIdentity": "?*"}}
    scene.change_trust(STORAGE, lambda its: its[0]["Condition"].update(asks_for_more))
    longest, boundary = "The role allows sessions of 7200 seconds", "does not have the permissions boundary you chose"
    more = "More is attached to the role than we asked for"
    beyond = "AWS refused this, though the role itself allows it"
    scene.play(
        "read-drift",
        Refusal(
            COMPUTE,
            "session_too_long",
            longest,
            CUSTOMER,
            (longest, "maximum session duration to 3600 seconds"),
            lambda text: iam.update_role(
                RoleName=of_compute, MaxSessionDuration=int(named(r"duration to (\d+) seconds", text))
            ),
            "violated",
        ),
        Refusal(
            COMPUTE,
            "boundary_lost",
            boundary,
            CUSTOMER,
            (boundary, boundary_in(account.account_id)),
            lambda text: iam.put_role_permissions_boundary(
                RoleName=of_compute, PermissionsBoundary=named(r"boundary (arn:\S+) on", text)
            ),
            "violated",
        ),
        Refusal(
            COMPUTE,
            "more_than_asked",
            more,
            CUSTOMER,
            (more, "Take it away from the role", MORE_THAN_ASKED),
            lambda text: iam.detach_role_policy(
                RoleName=of_compute, PolicyArn=named(r"(arn:aws:iam::aws:policy/\w+)", text)
            ),
            "violated",
        ),
        *(
            Refusal(LOGS, cause, title, CUSTOMER, (title, WHOLE_TRUST), scene.put_trust(LOGS), state)
            for cause, title, state in (
                ("trust_other_principal", f"The trust policy also lets in {partner}", "violated"),
                ("trust_principal_gone", "names a role that does not exist any more", "denied"),
                ("trust_unexpected_action", "also allows sts:AssumeRoleWithSAML", "violated"),
                ("external_id_other_values", "accepts other external IDs than yours", "violated"),
            )
        ),
        Refusal(
            STORAGE,
            "blocked_beyond_the_role",
            "ec2:DescribeVolumes",
            CUSTOMER,
            (beyond, "resource control policy of your organisation", "Not you."),
            no_mending_needed,
        ),
        Refusal(
            STORAGE,
            "control_refused",
            "With your external ID we get in",
            CUSTOMER,
            ("also refuses us when we bring your external ID", WHOLE_TRUST),
            scene.put_trust(STORAGE),
        ),
    )
    expect_status(scene.page, "Connected")


@pytest.mark.timeout(300)
def test_each_way_to_write_the_trust_policy_too_wide_is_named_and_its_fix_connects_again(telling) -> None:
    scene = telling
    asked = {"StringEquals": {"sts:ExternalId": scene.connection.external_id}}
    where_given = {"StringEqualsIfExists": asked["StringEquals"]}
    whatever_is_given = {"StringEquals": {"sts:ExternalId": "${sts:ExternalId}"}}
    everybody = statement({"Principal": {"AWS": "*"}}, asked)
    our_account = statement({"Principal": {"AWS": f"arn:aws:iam::{VENDOR_ACCOUNT_ID}:root"}}, asked)
    all_but_one = statement({"NotPrincipal": {"AWS": f"arn:aws:iam::{scene.account.account_id}:root"}}, asked)
    scene.change_trust(
        COMPUTE,
        lambda its: its.extend([its[0] | {"Sid": "Also", "Condition": whatever_is_given}, everybody]),
    )
    scene.change_trust(COMPUTE, lambda its: its[0].update(Condition=where_given))
    scene.change_trust(LOGS, lambda its: its.append(our_account))
    scene.change_trust(LOGS, lambda its: its[0].pop("Condition"))
    scene.change_trust(STORAGE, lambda its: its.append(all_but_one))
    scene.play(
        "read-open",
        *(
            Refusal(component, cause, title, CUSTOMER, (title, WHOLE_TRUST), scene.put_trust(component), "violated")
            for component, cause, title in (
                (COMPUTE, "external_id_operator", "compares the external ID with StringEqualsIfExists"),
                (COMPUTE, "external_id_variable", "compares the external ID with a variable"),
                (COMPUTE, "trust_everybody", "The trust policy lets in everybody"),
                (LOGS, "external_id_missing", "The trust policy does not ask for the external ID"),
                (LOGS, "trust_whole_account", "The trust policy lets in our whole account"),
                (STORAGE, "trust_not_principal", "The trust policy lets in everybody but those it names"),
            )
        ),
    )
    scene.verify_until_connected()  # the quarantine ends with the second clean verification


def let_in_more(its: Statements, principals: list[str]) -> None:
    """Let others in beside us, with an external ID of theirs, and allow more than assuming."""
    assume, pass_context = its
    assume["Principal"]["AWS"] = [assume["Principal"]["AWS"], *principals]
    asked = assume["Condition"]["StringEquals"]
    asked["sts:ExternalId"] = [asked["sts:ExternalId"], "rb-of-a-partner"]
    pass_context["Action"] = [*pass_context["Action"], "sts:AssumeRoleWithSAML"]


def statement(whom: dict[str, Any], condition: dict[str, Any]) -> dict[str, Any]:
    """A statement of a trust policy that lets somebody in."""
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Condition": condition, **whom}


def named(pattern: str, text: str) -> str:
    """What the page's text names there."""
    found = re.search(pattern, text)
    assert found, text
    return found[1]
