"""What answers and is not AWS is no answer, and what AWS says can be kept."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.exceptions import ConnectionClosedError

from integrations.aws.clients import ClientFactory
from integrations.aws.errors import AwsCallFailed, Retry, translate
from integrations.sandbox.faults import GARBAGE


@pytest.fixture(
    params=[
        (200, b"<html>Welcome"), (500, b"]]>{\x00"), (200, b"{}"), (502, b"<!DOCTYPE html><p>Bad"), (200, GARBAGE)
    ]
)  # fmt: skip
def garbage(request) -> Iterator[tuple[str, list[str]]]:
    """A server that answers so; its address, and the requests that it has got."""
    status, body = request.param
    asked: list[str] = []

    class Garbage(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 — http.server's name

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Garbage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def test_garbage_is_asked_again_and_then_no_answer(garbage) -> None:
    address, asked = garbage
    sts = ClientFactory(address).with_keys("sts", "us-east-1", "AKIATEST", "test")

    with pytest.raises(ConnectionClosedError) as raised:
        sts.get_caller_identity()

    assert len(asked) == 2
    assert translate(raised.value).retry is not Retry.NEVER


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("sts", "get_caller_identity"), ("ec2", "describe_regions"), ("logs", "describe_log_groups"),
        ("lambda", "list_functions"), ("iam", "list_roles"), ("cloudwatch", "list_metrics"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_text_are_no_answer_of_any_service(service, operation) -> None:
    class Odd(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(GARBAGE)))
            self.end_headers()
            self.wfile.write(GARBAGE)

        do_GET = do_POST  # noqa: N815 — http.server's name

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Odd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = ClientFactory(f"http://127.0.0.1:{server.server_address[1]}").with_keys(
            service, "us-east-1", "AKIATEST", "test"
        )

        with pytest.raises(ConnectionClosedError):
            getattr(client, operation)()
        server.shutdown()


def test_what_no_database_keeps_is_not_in_the_text_of_a_failure() -> None:
    failure = AwsCallFailed("Odd\x00Code", "a text\x00 with a hole", "id\x00")

    assert (failure.code, failure.text, failure.request_id) == ("OddCode", "a text with a hole", "id")
