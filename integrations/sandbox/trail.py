"""CloudTrail: what `LookupEvents` shows of AssumeRole and of changes.

An AssumeRole that was allowed is in both accounts, one that was refused only in the caller's. Events carry the
request's parameters as CloudTrail writes them, external ID, tags and source identity included. Source: CloudTrail user
guide, "CloudTrail record contents" and "Logging IAM and AWS STS API calls with AWS CloudTrail".
"""

import json
import threading
import uuid
from collections import deque
from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.callers import Caller
from integrations.sandbox.clock import Clock, iso
from integrations.sandbox.errors import AwsError
from integrations.sandbox.operations import Operation
from integrations.sandbox.sts import Assumed
from integrations.sandbox.sts_input import AssumeRoleInput
from integrations.sandbox.wire import HttpRequest, HttpResponse

_KEPT = 10_000
_ATTRIBUTES = {
    "EventId": "eventID",
    "EventName": "eventName",
    "EventSource": "eventSource",
    "ReadOnly": "readOnly",
    "AccessKeyId": "accessKeyId",
    "Username": "username",
    "ResourceName": "resourceName",
    "ResourceType": "resourceType",
}


class Trail:
    """The last events of each account, in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._events: dict[str, deque[dict[str, Any]]] = {}

    def assumed(
        self, caller: Caller, item: AssumeRoleInput, region: str, request: HttpRequest, outcome: Assumed | AwsError
    ) -> None:
        """Record an AssumeRole."""
        parameters: dict[str, Any] = {"roleArn": item.role_arn, "roleSessionName": item.session_name}
        if item.external_id is not None:
            parameters["externalId"] = item.external_id
        if item.source_identity is not None:
            parameters["sourceIdentity"] = item.source_identity
        if item.tags:
            parameters["tags"] = [{"key": key, "value": value} for key, value in item.tags.values()]
        if item.transitive:
            parameters["transitiveTagKeys"] = sorted(item.tags[key][0] for key in item.transitive)
        if item.inline_policy is not None:
            parameters["policy"] = item.inline_policy
        parameters["durationSeconds"] = item.duration
        event = self._event("AssumeRole", "sts.amazonaws.com", caller, region, request, read_only=True)
        event["requestParameters"] = parameters
        event["resources"] = [
            {"accountId": item.role.account, "type": "AWS::IAM::Role", "ARN": item.role_arn},
        ]
        if isinstance(outcome, AwsError):
            event["errorCode"], event["errorMessage"] = outcome.code, outcome.message
            event["responseElements"] = None
            self._keep(caller.account, event)
            return
        session = outcome.session
        event["responseElements"] = {
            "credentials": {"accessKeyId": session.access_key, "expiration": iso(session.expires)},
            "assumedRoleUser": {"assumedRoleId": f"{session.role_id}:{session.name}", "arn": session.arn},
            **({"sourceIdentity": session.source_identity} if session.source_identity is not None else {}),
            **({"packedPolicySize": outcome.packed_size} if outcome.packed_size is not None else {}),
        }
        event["sharedEventID"] = str(uuid.uuid4())
        for account in dict.fromkeys((caller.account, item.role.account)):
            self._keep(account, {**event, "recipientAccountId": account, "eventID": str(uuid.uuid4())})

    def changed(
        self, caller: Caller, operation: Operation, region: str, request: HttpRequest, response: HttpResponse
    ) -> None:
        """Record a call that changed something."""
        source = "monitoring" if operation.service == "cloudwatch" else operation.prefix
        event = self._event(operation.name, f"{source}.amazonaws.com", caller, region, request, read_only=False)
        event["requestParameters"] = {
            name[0].lower() + name[1:]: value
            for name, value in operation.params.items()
            if isinstance(value, str | int | bool) and name not in {"TemplateBody", "Body"}
        }
        # moto gives its answers ids of its own.
        event["requestID"] = response.header("x-amzn-RequestId") or request.request_id
        self._keep(caller.account, event)

    def look_up(self, account: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer LookupEvents. Raises AwsError for attributes that CloudTrail does not know."""
        with self._lock:
            found = [event for event in self._events.get(account, ()) if event["awsRegion"] == region]
        for attribute in params.get("LookupAttributes") or []:
            name = _ATTRIBUTES.get(str(attribute.get("AttributeKey")))
            if name is None:
                raise AwsError("InvalidLookupAttributesException", "The lookup attribute is not valid.", 400)
            found = [event for event in found if str(attribute.get("AttributeValue")) in _values(event, name)]
        start, end = (_epoch(params.get(name)) for name in ("StartTime", "EndTime"))
        found = [
            event
            for event in found
            if (start is None or event["_moment"] >= start) and (end is None or event["_moment"] <= end)
        ]
        most = int(params.get("MaxResults") or 50)
        begin = int(params.get("NextToken") or 0)
        page: dict[str, Any] = {"Events": [_shown(event) for event in found[begin : begin + most]]}
        if begin + most < len(found):
            page["NextToken"] = str(begin + most)
        return page

    def forget(self) -> None:
        """Drop all events, at a reset."""
        with self._lock:
            self._events.clear()

    def _event(
        self, name: str, source: str, caller: Caller, region: str, request: HttpRequest, *, read_only: bool
    ) -> dict[str, Any]:
        moment = self._clock.now()
        return {
            "eventVersion": "1.08",
            "userIdentity": _identity(caller),
            "eventTime": iso(moment),
            "eventSource": source,
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": request.peer,
            "userAgent": request.headers.get("user-agent", ""),
            "requestID": request.request_id,
            "eventID": str(uuid.uuid4()),
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": caller.account,
            "eventCategory": "Management",
            "_moment": moment,
        }

    def _keep(self, account: str, event: dict[str, Any]) -> None:
        with self._lock:
            self._events.setdefault(account, deque(maxlen=_KEPT)).appendleft(event)


def _identity(caller: Caller) -> dict[str, Any]:
    kind = {"Account": "Root", "User": "IAMUser"}.get(caller.kind, caller.kind)
    identity: dict[str, Any] = {
        "type": kind,
        "principalId": caller.user_id,
        "arn": caller.arn,
        "accountId": caller.account,
        "accessKeyId": caller.access_key,
    }
    if caller.user_name:
        identity["userName"] = caller.user_name
    session = caller.session
    if session is not None and session.role_arn:
        identity["sessionContext"] = {
            "sessionIssuer": {
                "type": "Role",
                "principalId": session.role_id,
                "arn": session.role_arn,
                "accountId": session.account,
                "userName": session.role_name,
            },
            "attributes": {"creationDate": iso(session.issued), "mfaAuthenticated": "false"},
            **({"sourceIdentity": session.source_identity} if session.source_identity is not None else {}),
        }
    return identity


def _values(event: dict[str, Any], name: str) -> list[str]:
    resources = event.get("resources") or []
    if name == "accessKeyId":
        return [str(event["userIdentity"].get("accessKeyId"))]
    if name == "username":
        return [_user_name(event)]
    if name == "resourceName":
        return [text for item in resources for text in (item["ARN"], item["ARN"].rsplit("/", 1)[-1])]
    if name == "resourceType":
        return [item["type"] for item in resources]
    if name == "readOnly":
        return ["true" if event["readOnly"] else "false"]
    return [str(event[name])]


def _user_name(event: dict[str, Any]) -> str:
    identity = event["userIdentity"]
    return str(identity.get("userName") or identity["arn"].rsplit("/", 1)[-1])


def _shown(event: dict[str, Any]) -> dict[str, Any]:
    record = {key: value for key, value in event.items() if key != "_moment"}
    return {
        "EventId": event["eventID"],
        "EventName": event["eventName"],
        "ReadOnly": "true" if event["readOnly"] else "false",
        "AccessKeyId": event["userIdentity"]["accessKeyId"],
        "EventTime": event["_moment"],
        "EventSource": event["eventSource"],
        "Username": _user_name(event),
        "Resources": [
            {"ResourceType": item["type"], "ResourceName": item["ARN"]} for item in event.get("resources") or []
        ],
        "CloudTrailEvent": json.dumps(record),
    }


def _epoch(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value)


def answer(result: dict[str, Any]) -> HttpResponse:
    """Write LookupEvents' answer."""
    return HttpResponse(200, json.dumps(result).encode(), [("Content-Type", "application/x-amz-json-1.1")])
