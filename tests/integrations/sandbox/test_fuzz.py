"""Requests that make no sense, in every service and protocol: always an error of AWS's shape, never a 500 or a hang."""

import json
import re
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox_server import new_account_id

pytestmark = pytest.mark.sandbox_only("sends what makes no sense, and much of it")

SERVICES = {
    "autoscaling": "autoscaling", "cloudformation": "cloudformation", "cloudtrail": "cloudtrail",
    "cloudwatch": "monitoring", "ec2": "ec2", "elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing",
    "iam": "iam", "kms": "kms", "lambda": "lambda", "logs": "logs", "organizations": "organizations", "rds": "rds",
    "s3": "s3", "sts": "sts",
}  # fmt: skip
TARGETS = {"cloudtrail": "CloudTrail_20131101", "kms": "TrentService", "logs": "Logs_20140328",
           "organizations": "AWSOrganizationsV20161128", "cloudwatch": "GraniteServiceV20100801"}  # fmt: skip
MODELS = {name: botocore.session.Session().get_service_model(name) for name in SERVICES}
ACCOUNT = new_account_id()

odd_text = st.one_of(
    st.sampled_from(["", " ", "*", "a", "0", "-1", "true", "null", "[]", "{}", "arn:", "arn:aws:iam::1:role/x", "../..",
                     "%00", "ü" * 70, "x" * 3000, "2026-13-45", "${aws:username}", "<x>&amp;</x>"]),
    st.text(max_size=30),
)  # fmt: skip
odd_value = st.recursive(
    st.one_of(odd_text, st.integers(-(2**40), 2**40), st.booleans(), st.none(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(odd_text, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def calls(draw: Any) -> tuple[str, str, str, dict[str, str], bytes]:
    """Give service, method, path, headers and body of a call of a real operation with odd parameters."""
    service = draw(st.sampled_from(sorted(SERVICES)))
    model = MODELS[service]
    operation = draw(st.sampled_from(list(model.operation_names)))
    shape = model.operation_model(operation).input_shape
    members = list(shape.members) if shape is not None else []
    names = draw(st.lists(st.sampled_from(members), max_size=4, unique=True)) if members else []
    if service in {"s3", "lambda"}:
        http = model.operation_model(operation).http
        path = re.sub(
            r"\{[^}]+\}", lambda _: draw(st.sampled_from(["a-bucket", "a", "%20", "x.y"])), http["requestUri"]
        )
        query = "&".join(f"{name}={draw(st.sampled_from(['', '1', 'x']))}" for name in names)
        body = draw(st.one_of(st.binary(max_size=40), odd_value.map(lambda value: json.dumps(value).encode())))
        joined = f"{path}{'&' if '?' in path else '?'}{query}" if query else path
        return service, http["method"], joined, {}, b"" if http["method"] in {"GET", "HEAD"} else body
    if service in TARGETS:
        value = draw(st.one_of(st.fixed_dictionaries(dict.fromkeys(names, odd_value)), odd_value))
        version = "1.0" if service == "cloudwatch" else "1.1"
        headers = {
            "X-Amz-Target": f"{TARGETS[service]}.{operation}",
            "Content-Type": f"application/x-amz-json-{version}",
        }
        return service, "POST", "/", headers, json.dumps(value).encode()
    form = {"Action": operation, **({"Version": model.api_version} if draw(st.integers(0, 5)) else {})}
    for name in names:
        suffix = draw(st.sampled_from(["", ".1", ".member.1", ".member.x", ".1.Key", ".0", ".99999999999"]))
        form[f"{name}{suffix}"] = draw(odd_text)
    return service, "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode()


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
@given(call=calls())
def test_odd_parameters_are_the_callers_mistake_in_every_service(server, call):
    service, method, path, headers, body = call
    request = AWSRequest(method, f"{server.url}{path}", data=body, headers=headers)
    SigV4Auth(Credentials(ACCOUNT, "test"), SERVICES[service], "eu-central-1").add_auth(request)

    answer = URLLib3Session(timeout=20).send(request.prepare())

    assert answer.status_code < 500, (call, answer.text[:500])
    if answer.status_code >= 400 and method != "HEAD":
        assert re.search(rb"<Code>\w|\"__type\": ?\"\w|__type|x-amzn-ErrorType", answer.content) or (
            "x-amzn-ErrorType" in answer.headers
        ), (call, answer.content[:500])
