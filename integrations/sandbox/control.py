"""`/_sandbox/…`: what AWS does not have. Health, reset, clock, faults, and a container's credentials."""

import json
import re
from collections.abc import Callable
from typing import Any

from integrations.sandbox.clock import Clock, iso
from integrations.sandbox.context import request_keys
from integrations.sandbox.errors import AwsError
from integrations.sandbox.faults import Faults, read_fault
from integrations.sandbox.sts import TokenService
from integrations.sandbox.sts_input import read_assume_role
from integrations.sandbox.wire import HttpRequest, HttpResponse, json_response

_CREDENTIALS = re.compile(r"^/_sandbox/credentials/(\d{12})/(.+)$")


class Control:
    """Answers the control addresses."""

    def __init__(
        self,
        clock: Clock,
        faults: Faults,
        tokens: TokenService,
        *,
        reset: Callable[[], None],
        clock_moved: Callable[[], None],
        replayed: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._tokens = tokens
        self._reset = reset
        self._clock_moved = clock_moved
        self._replayed = replayed

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; bad input is a 400 that says what is wrong."""
        if from_a_web_page(request):
            return json_response(403, {"message": "The sandbox's own addresses take no requests from web pages."})
        if request.method == "POST" and not _says_json(request):
            return json_response(415, {"message": "A POST here has the header Content-Type: application/json."})
        try:
            return self._answer(request)
        except ValueError as error:
            return json_response(400, {"message": str(error)})

    def _answer(self, request: HttpRequest) -> HttpResponse:
        name = request.path.removeprefix("/_sandbox/").strip("/")
        if name == "health" and request.method == "GET":
            notice = "This is a sandbox, not AWS."
            answer = {"status": "ok", "notice": notice, "time": self._time(), "replayed": self._replayed()}
            return json_response(200, answer)
        if name == "reset" and request.method == "POST":
            self._reset()
            return json_response(200, {"status": "reset"})
        if name == "clock":
            return self._move_clock(request)
        if name == "faults":
            return self._change_faults(request)
        found = _CREDENTIALS.match(request.path)
        if found and request.method == "GET":
            return self._container_credentials(request, found.group(1), found.group(2))
        return json_response(404, {"message": f"{request.method} {request.path[:200]} is no address of the sandbox"})

    def _time(self) -> str:
        return iso(self._clock.now())

    def _move_clock(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST":
            seconds = _object(request).get("advance")
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 10**9:
                raise ValueError("advance is a number of seconds, zero or more: time never runs back")
            self._clock.advance(seconds)
            self._clock_moved()
        return json_response(200, {"time": self._time(), "advanced": self._clock.offset})

    def _change_faults(self, request: HttpRequest) -> HttpResponse:
        if request.method == "DELETE":
            self._faults.clear()
        elif request.method == "POST":
            value = _object(request)
            if value.get("clear") is True:
                self._faults.clear()
            else:
                self._faults.add(read_fault(value))
        return json_response(200, {"faults": self._faults.listed()})

    def _container_credentials(self, request: HttpRequest, account: str, role: str) -> HttpResponse:
        """Give a task role's credentials as the ECS agent does, for AWS_CONTAINER_CREDENTIALS_FULL_URI."""
        role_arn = f"arn:aws:iam::{account}:role/{role}"
        try:
            item = read_assume_role({"RoleArn": role_arn, "RoleSessionName": "sandbox-task"})
            keys = request_keys(request, self._clock, None)
            session = self._tokens.assume_for_service(role_arn, "ecs-tasks.amazonaws.com", item, keys)
        except AwsError as error:
            return json_response(error.status, {"code": error.code, "message": error.message})
        return json_response(
            200,
            {
                "AccessKeyId": session.access_key,
                "SecretAccessKey": session.secret,
                "Token": session.token,
                "Expiration": iso(session.expires),
                "RoleArn": session.role_arn,
            },
        )


def from_a_web_page(request: HttpRequest) -> bool:
    """Tell whether a browser sends this for a page: any page open on this machine could, and needs no answer to harm.

    Browsers say so in `Sec-Fetch-Site`, where `none` is an address that a person typed, and, for a POST, in `Origin`.
    A page that has its own name point at loopback is of the same site, and refused as well.
    """
    return request.headers.get("sec-fetch-site", "none") != "none" or "origin" in request.headers


def _says_json(request: HttpRequest) -> bool:
    return request.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


def _object(request: HttpRequest) -> dict[str, Any]:
    try:
        value = json.loads(request.body or b"{}")
    except ValueError as error:
        raise ValueError("the body is not JSON") from error
    if not isinstance(value, dict):
        raise ValueError("the body is a JSON object")  # noqa: TRY004 - one error type for all bad input from outside
    return value
