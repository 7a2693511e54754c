"""Every call to AWS as an operator sees it: counted by the code it was answered with, and a span where traces are on.

Parameters are in neither: they hold external IDs and policies.
"""

import re
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.hooks import BaseEventHooks
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client import Counter

STS_CALLS = Counter(
    "rolebridge_sts_calls", "Calls to STS, by operation and the code of the answer", ["operation", "code"]
)
SESSION_CACHE = Counter("rolebridge_session_cache", "Sessions asked for, by whether one was there", ["result"])

# AWS's codes; what answers otherwise is not AWS, and must not make a time series for each of its texts.
_CODE = re.compile(r"[A-Za-z][A-Za-z.]{0,63}")
_SPAN = "rolebridge_span"
_tracer = trace.get_tracer("rolebridge.aws")


def watch(events: BaseEventHooks) -> None:
    """Watch the calls of the clients that get these events."""
    events.register("before-call", _begin)
    events.register("after-call", _end)
    events.register("after-call-error", _fail)


def _begin(model: Any, context: dict[str, Any], **_: Any) -> None:
    service, operation = model.service_model.service_id, model.name
    context[_SPAN] = _tracer.start_span(
        f"{service}/{operation}",
        kind=SpanKind.CLIENT,
        attributes={"rpc.system": "aws-api", "rpc.service": str(service), "rpc.method": operation},
    )


def _end(http_response: Any, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    code = parsed.get("Error", {}).get("Code", "") if http_response.status_code >= 300 else ""
    _count(model, code or "ok")
    span = context.pop(_SPAN, trace.INVALID_SPAN)
    span.set_attribute("http.response.status_code", http_response.status_code)
    span.set_attribute("aws.request_id", str(parsed.get("ResponseMetadata", {}).get("RequestId", "")))
    if code:
        span.set_attribute("error.type", code)
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _fail(exception: Exception, context: dict[str, Any], event_name: str, **_: Any) -> None:
    kind = type(exception).__name__ if isinstance(exception, BotoCoreError) else "NoAnswer"
    _event, service, operation = event_name.split(".", 2)
    if service == "sts":
        STS_CALLS.labels(operation, kind).inc()
    span = context.pop(_SPAN, trace.INVALID_SPAN)
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))
    span.end()


def _count(model: Any, code: str) -> None:
    if model.service_model.service_name == "sts":
        STS_CALLS.labels(model.name, code if _CODE.fullmatch(code) else "other").inc()
