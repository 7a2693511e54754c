"""What answers and is not AWS is no answer, and what AWS says can be kept."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.exceptions import ConnectionClosedError

from integrations.aws.clients import ClientFactory
from integrations.aws.errors import AwsCallFailed, Retry, translate


@pytest.fixture(params=[(200, b"<html>Welcome"), (500, b"]]>{\x00"), (200, b"{}"), (502, b"<!DOCTYPE html><p>Bad")])
def garbage(request) -> Iterator[tuple[str, list[str]]]:
    """A server that answers so; its address, and the requests that it has got."""
    status, body = request.param
    asked: list[str] = []

    class Garbage(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

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


def test_what_no_database_keeps_is_not_in_the_text_of_a_failure() -> None:
    failure = AwsCallFailed("Odd\x00Code", "a text\x00 with a hole", "id\x00")

    assert (failure.code, failure.text, failure.request_id) == ("OddCode", "a text with a hole", "id")
