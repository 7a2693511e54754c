"""Each refusal that a customer can meet: where the picture points, who must act, and the fix of the page applied.

One verification shows three refusals, one for each component's role. What test_main_job plays already is left out: a
role that is missing, one that takes no external ID, and a permission that was taken away.
"""

import json
from collections.abc import Iterator

import pytest

from tests.customer import CustomerAccount, sandbox_control
from tests.environment import VENDOR_ACCOUNT_ID
from tests.functional.customer_pages import PHONE, expect_status, verify
from tests.functional.refusals import (
    COMPUTE,
    CUSTOMER,
    LOGS,
    ORGANISATION,
    STORAGE,
    VENDOR,
    Refusal,
    Scene,
    no_mending_needed,
    policy,
    says,
)


@pytest.fixture
def small_scene(browser, worker, beat, cast, sign_in, live_portal) -> Iterator[Scene]:
    """One role, on a phone without JavaScript."""
    context = browser.new_context(
        base_url=live_portal, java_script_enabled=False, viewport={"width": PHONE, "height": 740}
    )
    yield Scene(context.new_page(), cast, sign_in(cast.owner), live_portal, components=[COMPUTE])
    context.close()


@pytest.mark.timeout(300)
def test_each_refusal_of_a_hop_points_at_it_and_its_fix_connects_again(scene) -> None:
    account, put_trust = scene.account, scene.put_trust
    nobody = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    other = account.iam.create_role(RoleName="other", AssumeRolePolicyDocument=policy(nobody))["Role"]["Arn"]

    scene.change_trust(COMPUTE, lambda its: its[0]["Condition"]["StringEquals"].update({"sts:ExternalId": "rb-wrong"}))
    scene.change_trust(LOGS, lambda its: [one["Principal"].update(AWS=other) for one in its])
    scene.change_trust(STORAGE, lambda its: its[1].update(Action="sts:SetSourceIdentity"))
    enter = "AWS does not let us enter the role yet"
    scene.play(
        "hop-trust",
        Refusal(
            COMPUTE, "role_not_assumable", "hop-c", CUSTOMER, (enter, "holds another external ID"), put_trust(COMPUTE)
        ),
        Refusal(
            LOGS, "role_not_assumable", "hop-c", CUSTOMER, (enter, "names another principal than ours"), put_trust(LOGS)
        ),
        Refusal(
            STORAGE,
            "trust_lacks_tag_session",
            "hop-c",
            CUSTOMER,
            ("does not allow sts:TagSession",),
            put_trust(STORAGE),
        ),
    )

    account.iam.untag_role(RoleName=scene.role(COMPUTE), TagKeys=["Product"])
    scene.change_trust(LOGS, lambda its: its[1].update(Action="sts:TagSession"))
    storage = f"arn:aws:iam::{account.account_id}:role/{scene.role(STORAGE)}"
    guardrail = scene.organisation.attach(
        "RESOURCE_CONTROL_POLICY",
        {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Resource": storage},
    )
    scene.play(
        "hop-context",
        Refusal(
            COMPUTE,
            "product_tag_missing",
            "hop-c",
            CUSTOMER,
            ("does not carry the tag that marks it as ours", "The tag to put on the role"),
            lambda text: account.iam.tag_role(RoleName=scene.role(COMPUTE), Tags=[json.loads(text)]),
        ),
        Refusal(
            LOGS,
            "trust_lacks_source_identity",
            "hop-c",
            CUSTOMER,
            ("does not allow sts:SetSourceIdentity",),
            put_trust(LOGS),
        ),
        Refusal(
            STORAGE,
            "role_not_assumable",
            "hop-c",
            CUSTOMER,  # AWS tells an outsider no more than no
            (enter, "(6) a resource control policy of your AWS organisation", "A message to forward"),
            lambda _: scene.organisation.client.detach_policy(PolicyId=guardrail, TargetId=account.account_id),
        ),
    )

    to_us = {"service": "sts", "operation": "AssumeRole"}
    disabled = {"code": "RegionDisabledException", "status": 403, "message": "STS is not activated in this region"}
    sandbox_control("faults", {"kind": "error", "target": account.account_id, **to_us, **disabled})
    words = ("STS is switched off",)
    scene.play(
        "hop-region",
        *(
            Refusal(one, "region_disabled", "hop-c", CUSTOMER, words, no_mending_needed)
            for one in (COMPUTE, LOGS, STORAGE)
        ),
    )

    refused = {"code": "AccessDenied", "status": 403, "message": "not authorized to perform: sts:AssumeRole"}
    sandbox_control("faults", {"kind": "error", "target": VENDOR_ACCOUNT_ID, **to_us, **refused})
    words = ("We could not reach our own role",)
    scene.play(
        "hop-of-ours",
        *(
            Refusal(one, "vendor_role_refused", "hop-b", VENDOR, words, no_mending_needed, "error")
            for one in (COMPUTE, LOGS, STORAGE)
        ),
    )
    expect_status(scene.page, "Connected")


@pytest.mark.timeout(300)
def test_each_refusal_of_a_permission_points_at_it_and_its_fix_connects_again(scene) -> None:
    account: CustomerAccount = scene.account
    iam = account.iam
    allow_but = {"Effect": "Allow", "NotAction": "ec2:DescribeInstances", "Resource": "*"}
    boundary = iam.create_policy(PolicyName="limits", PolicyDocument=policy(allow_but))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=scene.role(COMPUTE), PermissionsBoundary=boundary)
    forbids = {"Effect": "Deny", "Action": "cloudtrail:DescribeTrails", "Resource": "*"}
    iam.put_role_policy(RoleName=scene.role(LOGS), PolicyName="forbids", PolicyDocument=policy(forbids))
    guards = {"Effect": "Deny", "Action": "ec2:DescribeVolumes", "Resource": "*"}
    guardrail = scene.organisation.attach("SERVICE_CONTROL_POLICY", guards)
    scene.play(
        "policies",
        Refusal(
            COMPUTE,
            "blocked_by_boundary",
            "ec2:DescribeInstances",
            CUSTOMER,
            ("permissions boundary blocks this", "The statement to add to the permissions boundary"),
            lambda text: iam.create_policy_version(
                PolicyArn=boundary, PolicyDocument=policy(allow_but, json.loads(text)), SetAsDefault=True
            ),
        ),
        Refusal(
            LOGS,
            "blocked_by_customer_policy",
            "cloudtrail:DescribeTrails",
            CUSTOMER,
            ("A policy on the role forbids this", "Remove the Deny for this action"),
            lambda _: iam.delete_role_policy(RoleName=scene.role(LOGS), PolicyName="forbids"),
        ),
        Refusal(
            STORAGE,
            "blocked_by_organisation",
            "ec2:DescribeVolumes",
            ORGANISATION,
            ("service control policy blocks this", "The condition to add to the statement that denies it"),
            lambda text: scene.organisation.change(guardrail, guards | json.loads(text)),
        ),
    )

    # What the sandbox has no resource for: AWS's words are put into its mouth.
    unnamed = f"{refused('autoscaling:DescribeAutoScalingGroups')} because no resource-based policy allows the action"
    says("autoscaling", account.account_id, "AccessDenied", unnamed)
    says("logs", account.account_id, "AccessDeniedException", "Not today.", operation="DescribeMetricFilters")
    encoded = "You are not authorized to perform this operation. Encoded authorization failure message: c29tZXRoaW5n"
    says("ec2", account.account_id, "UnauthorizedOperation", encoded, operation="DescribeSnapshots")
    scene.play(
        "words",
        Refusal(
            COMPUTE,
            "blocked_by_resource_policy",
            "autoscaling:DescribeAutoScalingGroups",
            CUSTOMER,
            ("The policy of this resource blocks this", "The statement to add to the resource's policy"),
            no_mending_needed,
        ),
        Refusal(
            LOGS,
            "refused_without_reason",
            "logs:DescribeMetricFilters",
            CUSTOMER,
            ("AWS refused this without saying why", "ask the team that runs your AWS organisation"),
            no_mending_needed,
        ),
        Refusal(
            STORAGE,
            "refused_with_encoded_reason",
            "ec2:DescribeSnapshots",
            CUSTOMER,
            ("gave its reason in code", "aws sts decode-authorization-message"),
            no_mending_needed,
        ),
    )

    # Three ways to be open. The quarantine ends with the second clean verification.
    likes = {"StringLike": {"sts:ExternalId": "*"}}
    scene.change_trust(COMPUTE, lambda its: its[0].update(Condition=likes))
    whole_account = f"arn:aws:iam::{VENDOR_ACCOUNT_ID}:root"
    scene.change_trust(LOGS, lambda its: [one["Principal"].update(AWS=whole_account) for one in its])
    too_much = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
    iam.put_role_policy(RoleName=scene.role(STORAGE), PolicyName="too-much", PolicyDocument=policy(too_much))
    scene.play(
        "open",
        Refusal(
            COMPUTE,
            "wrong_external_id_accepted",
            "With a wrong external ID nobody gets in",
            CUSTOMER,
            ("wrong external ID",),
            scene.put_trust(COMPUTE),
            "violated",
        ),
        Refusal(
            LOGS,
            "trust_too_wide",
            "Even with it no other role of ours gets in",
            CUSTOMER,
            ("another role of ours",),
            scene.put_trust(LOGS),
            "violated",
        ),
        Refusal(
            STORAGE,
            "over_granted",
            "iam:ListUsers is refused",
            CUSTOMER,
            ("iam:ListUsers",),
            lambda _: iam.delete_role_policy(RoleName=scene.role(STORAGE), PolicyName="too-much"),
            "violated",
        ),
    )
    verify(scene.page)
    expect_status(scene.page, "Connected")


@pytest.mark.timeout(300)
def test_on_a_phone_without_javascript_the_same_way_leads_to_the_fix(small_scene) -> None:
    words = ("AWS does not let us enter the role yet", "holds another external ID")
    small_scene.change_trust(
        COMPUTE, lambda its: its[0]["Condition"]["StringEquals"].update({"sts:ExternalId": "rb-wrong"})
    )

    small_scene.play(
        "on-a-phone", Refusal(COMPUTE, "role_not_assumable", "hop-c", CUSTOMER, words, small_scene.put_trust(COMPUTE))
    )

    expect_status(small_scene.page, "Connected")


def refused(action: str) -> str:
    """How AWS begins to say that an action is refused."""
    return f"User: x is not authorized to perform: {action} on resource: *"
