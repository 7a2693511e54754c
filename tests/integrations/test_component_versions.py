"""What a newer version of a component asks of a role, in words and as plain values."""

import pytest

from integrations.catalogue import Component
from integrations.component_versions import difference


def permission(action: str, **more) -> dict:
    return {"action": action, "reason": "A reason that is long enough.", "sees_customer_data": False, **more}


def component(version: str, *permissions: dict) -> Component:
    return Component(
        id="storage-analysis", version=version, name="Storage analysis", summary="Looks.", permissions=permissions
    )


VOLUMES = permission("ec2:DescribeVolumes")
SNAPSHOTS = permission("ec2:DescribeSnapshots", needed_for="Forgotten snapshots", since="1.1.0")
BUCKETS = permission("s3:ListAllMyBuckets", since="1.1.0")
RULES = permission("s3:GetLifecycleConfiguration", needed_for="Clean-up", since="1.1.0")
OLD = component("1.0.0", VOLUMES)


def test_it_says_how_many_actions_of_which_kind_are_added_for_what():
    new = component("1.1.0", VOLUMES, SNAPSHOTS, BUCKETS, RULES)

    found = difference(OLD, new, "1.0.0")

    assert found.words == (
        "adds 2 list actions and 1 read action for Forgotten snapshots, Storage analysis and Clean-up"
    )
    assert [one.action for one in found.added] == [SNAPSHOTS["action"], BUCKETS["action"], RULES["action"]]
    assert not found.is_major


def test_without_the_old_component_since_says_what_is_new():
    new = component("1.1.0", VOLUMES, SNAPSHOTS)

    assert difference(None, new, "1.0.0") == difference(OLD, new, "1.0.0")
    assert difference(None, new, "1.1.0").is_empty


@pytest.mark.parametrize(
    ("before", "after", "words", "version"),
    [
        ([VOLUMES, BUCKETS], [VOLUMES], "no longer asks for s3:ListAllMyBuckets", "2.0.0"),
        (
            [permission("s3:GetLifecycleConfiguration")],
            [permission("s3:GetLifecycleConfiguration", resources=["arn:aws:s3:::logs-*"])],
            "narrows s3:GetLifecycleConfiguration",
            "1.2.0",
        ),
        (
            [permission("s3:GetLifecycleConfiguration", resources=["arn:aws:s3:::logs-*"])],
            [permission("s3:GetLifecycleConfiguration", since="2.0.0")],
            "widens s3:GetLifecycleConfiguration",
            "2.0.0",
        ),
    ],
)
def test_what_is_removed_narrowed_and_widened_is_told(before, after, words, version):
    found = difference(component("1.1.0", *before), component(version, *after), "1.1.0")

    assert found.words == words
    assert found.is_major == (version == "2.0.0")


def test_a_version_that_changes_words_alone_asks_for_nothing():
    assert difference(OLD, component("1.0.1", VOLUMES | {"reason": "Another reason, as long."}), "1.0.0").is_empty


def test_an_action_that_sees_customer_data_is_told():
    new = component("2.0.0", VOLUMES, permission("logs:GetLogEvents", since="2.0.0", sees_customer_data=True))

    assert difference(OLD, new, "1.0.0").sees_customer_data
