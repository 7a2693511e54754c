"""Calls that the sandbox makes for a caller, as CloudFormation does: authorised like the caller's own."""

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlencode
from xml.sax.saxutils import unescape

from integrations.sandbox.callers import Caller
from integrations.sandbox.errors import AwsError
from integrations.sandbox.wire import HttpRequest, HttpResponse

Act = Callable[[Caller, HttpRequest, str, str], HttpResponse]
"""Authorises and performs one call: (caller, request, signing name, region)."""

_CODE = re.compile(r"<Code>(.*?)</Code>.*?<Message>(.*?)</Message>", re.DOTALL)


class InnerCalls:
    """A caller's way to AWS in one region."""

    def __init__(self, act: Act, caller: Caller, region: str) -> None:
        self._act = act
        self._caller = caller
        self.partition = caller.partition
        self.region = region
        self.account = caller.account

    def query(self, service: str, action: str, form: Mapping[str, str]) -> str:
        """Make a query-protocol call and give the answer's XML. Raises AwsError."""
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        body = urlencode({"Action": action, "Version": "2010-05-08", **form}).encode()
        return self.http(service, "POST", "/", headers, body).decode()

    def http(self, service: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """Make any other call and give the answer's body. Raises AwsError."""
        request = HttpRequest(method, target, {"host": "127.0.0.1", **headers}, body)
        response = self._act(self._caller, request, service, self.region)
        if response.status >= 400:
            raise _error(response)
        return response.body


def _error(response: HttpResponse) -> AwsError:
    text = response.body.decode(errors="replace")
    found = _CODE.search(text)
    if found:
        return AwsError(unescape(found.group(1)), unescape(found.group(2)), response.status)
    try:
        document = json.loads(text)
        code = str(document["__type"]).rsplit("#", 1)[-1]
        return AwsError(code, str(document.get("message") or document.get("Message") or ""), response.status)
    except (ValueError, KeyError, TypeError):
        return AwsError("InternalFailure", "The call failed.", response.status)
