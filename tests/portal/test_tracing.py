"""One trace and one request id lead from the API through the queue to each call to AWS."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from integrations.aws.checks.wrong_ids import wrong_external_ids
from integrations.models import Verification
from portal.local.services import ROOT, free_port
from portal.queue_context import REQUEST_ID, _id_in, _let_go, _take_up
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.permissions import Scope
from tenants.request_id import request_id
from tenants.scope import tenant_scope
from tests import processes
from tests.customer import connection_with_stack
from tests.environment import DIRECTORY

PATIENCE = 60


@pytest.fixture
def receiver() -> Iterator[tuple[str, list]]:
    """An OTLP receiver; its address, and the spans that it has got."""
    spans = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = ExportTraceServiceRequest()
            message.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", spans
        server.shutdown()


def program(cast, _sign_in) -> dict[str, str]:
    """What a program sends to be known by."""
    with tenant_scope(cast.tenant.pk):
        _, token = create_token(tenant=cast.tenant, name="Test", user=cast.owner, by=SYSTEM, scopes=[Scope.VERIFY])
    return {"Authorization": f"Bearer {token}"}


def member(cast, sign_in) -> dict[str, str]:
    """What a browser sends in which a member is signed in."""
    session, secret = sign_in(cast.owner).cookies["sessionid"].value, "c" * 32
    return {"Cookie": f"sessionid={session}; csrftoken={secret}", "X-CSRFToken": secret}


@pytest.mark.parametrize(
    ("route", "who", "status"),
    [
        ("/api/v1/connections/<uuid:connection_id>/verifications/", program, 202),
        ("/tenants/<uuid:tenant_id>/connections/<uuid:connection_id>/verify/", member, 302),
    ],
    ids=["of the API", "of a page"],
)
def test_a_request_is_followed_to_aws_and_its_log_lines_join(
    cast, db, broker, sandbox_address, receiver, sign_in, route, who, status
) -> None:
    endpoint, spans = receiver
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    path = route.replace("<uuid:tenant_id>", str(cast.tenant.pk)).replace("<uuid:connection_id>", str(connection.pk))
    headers = who(cast, sign_in)
    port = free_port()
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "BASE_URL": f"http://127.0.0.1:{port}",
        "CELERY_BROKER_URL": f"{broker}/10",  # no other test's worker takes its message
    }

    with ExitStack() as stack:
        stack.enter_context(processes.celery_worker("traced", environment))
        address = stack.enter_context(processes.portal(f"web-{port}", environment, port))
        web = HTTPConnection(urlsplit(address).netloc, timeout=30)
        web.request("POST", path, "{}" if who is program else "", {"Content-Type": "application/json"} | headers)
        answer = web.getresponse()
        answer.read()
        web.close()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not any("run_verification" in span.name for span in spans):
            time.sleep(0.1)

    assert answer.status == status
    request_id = answer.headers["X-Request-Id"]
    with tenant_scope(cast.tenant.pk):
        verification = Verification.objects.get()
    (task,) = (span for span in spans if span.name == "integrations.tasks.run_verification")
    (page,) = (span for span in spans if span.span_id == task.parent_span_id)
    calls = [span for span in spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert page.name == f"POST {route}"
    # Nearly all of them are made in threads of the run: each is below the task, and none begins a trace of its own.
    assert {(span.parent_span_id, span.trace_id) for span in calls} == {(task.span_id, page.trace_id)}
    probe = "CloudTrail/DescribeTrails"
    assert {"STS/AssumeRole", "STS/GetCallerIdentity", probe} <= {span.name for span in calls}
    refused = [span for span in calls if error_type(span) == "AccessDenied" and span.name == "STS/AssumeRole"]
    assert len(refused) >= len(wrong_external_ids(connection.external_id)) + 2, "of the trust-test: no ID, the canary"
    texts = [value.value.string_value for span in spans for value in span.attributes]
    assert request_id in texts
    assert connection.external_id not in " ".join(texts)
    joined = f"[{request_id} {cast.tenant.pk} {connection.pk} {verification.pk}] Attempt 1 ended"
    assert joined in (DIRECTORY / "logs" / "traced.log").read_text()


def error_type(span: Span) -> str:
    return next((value.value.string_value for value in span.attributes if value.key == "error.type"), "")


@pytest.mark.parametrize(
    ("environment", "imported"),
    [
        ({}, [False, False]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_SAMPLER": "always_off"}, [True, True]),
    ],
    ids=["off", "on"],
)
def test_what_records_and_sends_spans_is_imported_where_traces_are_on_and_nowhere_else(environment, imported) -> None:
    code = """
import sys
from portal.wsgi import application
from django.test import Client
from integrations import tasks
from portal.tracing import start_tracing

start_tracing("worker")
assert Client().get("/nothing-here/").status_code == 404
print([name in sys.modules for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter")])
"""

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | environment, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout == f"{imported}\n"


@pytest.mark.parametrize("text", ["x\ny", "", None, 7, "not an id"])
def test_what_a_message_calls_a_request_id_and_is_none_reaches_no_log_line(text) -> None:
    assert _id_in(text) == ""


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the first ends first", "the second ends first"])
def test_a_message_that_comes_again_while_it_is_worked_on_ends_twice_and_leaves_nothing_behind(order) -> None:
    asked = str(uuid4())
    task = SimpleNamespace(name="verify", request={REQUEST_ID: asked})
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        threads = first, second
        for thread in threads:
            thread.submit(_take_up, "message", task).result()

        for number in order:
            assert threads[number].submit(request_id.get).result() == asked
            threads[number].submit(_let_go, "message").result()

        for thread in threads:
            assert thread.submit(request_id.get).result() == ""
            assert thread.submit(trace.get_current_span).result() is trace.INVALID_SPAN
