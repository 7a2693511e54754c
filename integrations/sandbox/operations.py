"""Which operation a request calls, read with botocore's service models."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from integrations.sandbox.errors import AwsError
from integrations.sandbox.wire import HttpRequest

SERVICES: Mapping[str, tuple[str, ...]] = {
    "autoscaling": ("autoscaling",),
    "cloudformation": ("cloudformation",),
    "cloudtrail": ("cloudtrail",),
    "ec2": ("ec2",),
    "elasticloadbalancing": ("elbv2", "elb"),
    "iam": ("iam",),
    "kms": ("kms",),
    "lambda": ("lambda",),
    "logs": ("logs",),
    "monitoring": ("cloudwatch",),
    "organizations": ("organizations",),
    "rds": ("rds",),
    "s3": ("s3",),
    "sts": ("sts",),
}
"""Signing names that the sandbox answers, with the names of botocore's models."""

_READING = (
    "Describe", "Get", "List", "Head", "Lookup", "Simulate", "Validate", "Estimate", "Filter", "Detect", "Preview",
    "Check", "Test", "Verify", "Encrypt", "Decrypt", "ReEncrypt", "Sign", "Select", "Detect", "GenerateDataKey",
    "GenerateRandom", "GenerateMac",
)  # fmt: skip


_LOAD_BALANCING_VERSIONS = {"2012-06-01": "elb", "2015-12-01": "elbv2"}
"""Two APIs share a name, and the version alone tells them apart."""


@dataclass(frozen=True)
class Operation:
    """An operation that was called. `service` is botocore's name, `prefix` the one in IAM actions."""

    service: str
    prefix: str
    name: str
    protocol: str
    params: dict[str, Any]
    request: HttpRequest | None = field(default=None, repr=False)

    @property
    def changes(self) -> bool:
        """Whether the operation can change anything."""
        return not self.name.startswith(_READING)


def protocol_of(signing_name: str, request: HttpRequest) -> str:
    """Guess the protocol to answer an error in, before the operation is known."""
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "smithy-rpc-v2-cbor"
    if signing_name == "ec2":
        return "ec2"
    if signing_name == "s3":
        return "rest-xml"
    if signing_name == "lambda":
        return "rest-json"
    if "x-amz-target" in request.headers or "json" in request.headers.get("content-type", ""):
        return "json"
    return "query"


def identify(request: HttpRequest, signing_name: str) -> Operation:
    """Find the operation and read its parameters. Raises AwsError."""
    candidates = SERVICES.get(signing_name)
    if candidates is None:
        raise AwsError("NotInTheSandbox", f"The service {signing_name} is not in the sandbox.", 400)
    service = candidates[0]
    if signing_name == "elasticloadbalancing":
        form = request.form
        version = form.get("Version") or "NO_VERSION_SPECIFIED"
        if version not in _LOAD_BALANCING_VERSIONS:
            text = f"Could not find operation {form.get('Action', '')[:200]} for version {version[:40]}"
            raise AwsError("InvalidAction", text, 400)
        service = _LOAD_BALANCING_VERSIONS[version]
    return _identify(request, service)


def _identify(request: HttpRequest, service: str) -> Operation:
    # moto's routers and parsers read every protocol from the same models that clients are made from.
    from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
    from moto.core.request import determine_request_protocol
    from moto.core.routing import get_service_router
    from werkzeug.exceptions import HTTPException

    model = _model(service)
    incoming = _as_moto_request(request)
    try:
        protocol = determine_request_protocol(model, incoming.content_type)
        found, path_params = get_service_router(service).match(incoming)
    except (HTTPException, NotImplementedError, AssertionError) as error:
        name = request.form.get("Action") or request.headers.get("x-amz-target") or f"{request.method} {request.path}"
        raise AwsError("InvalidAction", f"Could not find operation {name[:200]} of {service}.", 400) from error
    if protocol in {"json", "rest-json"}:
        _check_json(request.body)
    try:
        params = PROTOCOL_PARSERS[protocol](found).parse(
            {
                "method": incoming.method,
                "values": incoming.values,
                "headers": incoming.headers,
                "body": incoming.data,
                "url_path": incoming.path,
                "url_params": path_params,
            }
        )
    except (RequestParserError, ValueError, KeyError, TypeError, AttributeError) as error:
        code = "MalformedXML" if protocol == "rest-xml" else "SerializationException"
        raise AwsError(code, "The request could not be read.", 400) from error
    prefix = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing"}.get(service, service)
    return Operation(service, prefix, str(found.name), protocol, dict(params or {}), request)


@cache
def wire_names(service: str, operation: str) -> Mapping[str, str]:
    """Give, for parameters that go in a header or the query, the name they have there."""
    shape = _model(service).operation_model(operation).input_shape
    return {
        name: str(member.serialization["name"])
        for name, member in (shape.members.items() if shape is not None else ())
        if member.serialization.get("location") in {"header", "querystring"}
    }


def problem_of(operation: Operation) -> str:
    """Say what is wrong with an operation's parameters, as far as the service's model tells."""
    shape = _model(operation.service).operation_model(operation.name).input_shape
    missing = [name for name in getattr(shape, "required_members", []) if name not in operation.params]
    if missing:
        return f"The request must contain the parameter {missing[0]}"
    return "A parameter has a value that the sandbox cannot use."


def _check_json(body: bytes) -> None:
    """Refuse what is no JSON object: moto's parser takes any text. Raises AwsError."""
    try:
        good = not body or isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        good = False
    if not good:
        raise AwsError("SerializationException", "The request could not be read.", 400)


@cache
def _model(service: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(service)


def _as_moto_request(request: HttpRequest) -> Any:
    from moto.core.request import Request

    host = request.headers.get("host", "127.0.0.1")
    made = Request.from_primitives(request.method, f"http://{host}{request.target}", request.headers, request.body)
    made.environ["RAW_URI"] = request.target
    return made
