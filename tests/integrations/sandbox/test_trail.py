"""CloudTrail's view of AssumeRole. Source: CloudTrail user guide, "Logging IAM and AWS STS API calls"."""

import json

import pytest

from tests.integrations.sandbox.world import ALL_STS, allow, refusal_of, trusting

pytestmark = pytest.mark.sandbox_only("CloudTrail takes minutes on AWS, and what it keeps cannot be removed")


def events(account, **attributes):
    trail = account.client("cloudtrail")
    lookup = [{"AttributeKey": key, "AttributeValue": value} for key, value in attributes.items()]
    found = trail.lookup_events(LookupAttributes=lookup)["Events"]
    return [(event, json.loads(event["CloudTrailEvent"])) for event in found]


@pytest.fixture
def chain(vendor, customer, server):
    caller = vendor.user("caller", allow(ALL_STS))
    condition = {"StringEquals": {"sts:ExternalId": "the-id"}}
    role = customer.role(
        "target",
        trusting(caller.arn, Condition=condition),
        trusting(caller.arn, action=["sts:TagSession", "sts:SetSourceIdentity"]),
    )
    return caller, role


def test_an_allowed_assume_role_is_in_both_accounts(vendor, customer, chain):
    caller, role = chain
    tags = [{"Key": "Tenant", "Value": "t1"}]

    session = caller.assume(
        role, "receipt", ExternalId="the-id", Tags=tags, TransitiveTagKeys=["Tenant"], SourceIdentity="alice"
    )

    for account in (vendor, customer):
        [(event, record)] = events(account, EventName="AssumeRole")
        assert event["Resources"] == [{"ResourceType": "AWS::IAM::Role", "ResourceName": role}]
        assert record["userIdentity"]["arn"] == caller.arn
        assert record["recipientAccountId"] == account.id
        assert record["requestID"] == session.answer["ResponseMetadata"]["RequestId"]
        assert record["requestParameters"] == {
            "roleArn": role,
            "roleSessionName": "receipt",
            "externalId": "the-id",
            "sourceIdentity": "alice",
            "tags": [{"key": "Tenant", "value": "t1"}],
            "transitiveTagKeys": ["Tenant"],
            "durationSeconds": 3600,
        }
        assert record["responseElements"]["credentials"]["accessKeyId"] == session.key
        assert record["responseElements"]["assumedRoleUser"]["arn"] == session.arn
        assert session.secret not in event["CloudTrailEvent"]
    shared = {events(account)[-1][1].get("sharedEventID") for account in (vendor, customer)}
    assert len(shared) <= 2


def test_a_refused_assume_role_is_in_the_callers_account_alone(vendor, customer, chain):
    caller, role = chain

    refused = caller.refused_role(role, ExternalId="wrong")

    [(_, record)] = events(vendor, EventName="AssumeRole")
    assert (record["errorCode"], record["errorMessage"]) == ("AccessDenied", refused.message)
    assert record["requestParameters"]["externalId"] == "wrong"
    assert events(customer, EventName="AssumeRole") == []


def test_a_session_shows_its_issuer_and_source_identity(vendor, customer, chain):
    caller, role = chain
    customer.policy(role, allow("sts:AssumeRole"))
    next_role = customer.role("next", trusting(customer.id, action=ALL_STS))
    customer.policy(role, allow(ALL_STS))

    caller.assume(role, ExternalId="the-id", SourceIdentity="alice").assume(next_role)

    [(_, record)] = events(customer, ResourceName=next_role)
    context = record["userIdentity"]["sessionContext"]
    assert (context["sessionIssuer"]["arn"], context["sourceIdentity"]) == (role, "alice")


def test_changes_are_recorded_and_found_by_user_name(vendor, server):
    admin = vendor.user("admin", allow("iam:*"))

    made = admin.client("iam").create_group(GroupName="readers")

    [(event, record)] = events_of_global(vendor, Username=admin.arn.rsplit("/", 1)[1])
    assert (event["EventName"], record["requestParameters"]["groupName"]) == ("CreateGroup", "readers")
    assert record["requestID"] == made["ResponseMetadata"]["RequestId"]


def events_of_global(account, **attributes):
    """IAM's events are in us-east-1 on AWS; the sandbox keeps them in the region that the client signed for."""
    lookup = [{"AttributeKey": key, "AttributeValue": value} for key, value in attributes.items()]
    found = []
    for region in ("us-east-1", "eu-central-1"):
        trail = account.client("cloudtrail", region)
        found += trail.lookup_events(LookupAttributes=lookup)["Events"]
    return [(event, json.loads(event["CloudTrailEvent"])) for event in found]


def test_events_come_in_pages(vendor, customer, chain):
    caller, role = chain
    for _ in range(3):
        caller.assume(role, ExternalId="the-id")
    trail = customer.client("cloudtrail")

    first = trail.lookup_events(MaxResults=2)
    second = trail.lookup_events(MaxResults=2, NextToken=first["NextToken"])

    assert (len(first["Events"]), len(second["Events"])) == (2, 1)
    assert "NextToken" not in second


def test_an_attribute_that_cloudtrail_does_not_know(vendor, server):
    refused = refusal_of(
        vendor.client("cloudtrail").lookup_events, LookupAttributes=[{"AttributeKey": "Colour", "AttributeValue": "x"}]
    )

    assert refused.code == "InvalidLookupAttributesException"
