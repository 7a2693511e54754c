"""Refusals in the shape that each of AWS's protocols gives them."""

import json
import uuid
from xml.sax.saxutils import escape

from integrations.sandbox.wire import HttpResponse


class AwsError(Exception):
    """An error that AWS answers: `code`, a message for a person, and an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def access_denied(message: str) -> AwsError:
    """A refusal by IAM; the protocol decides its final code."""
    return AwsError("AccessDenied", message, 403)


def render(error: AwsError, protocol: str, *, path: str = "/", request_id: str = "") -> HttpResponse:
    """Write the error as the protocol (`query`, `ec2`, `json`, `rest-json`, `rest-xml`, `smithy-rpc-v2-cbor`) does, as
    the answer to the request of that id, if it could be read at all.
    """
    request_id = request_id or str(uuid.uuid4())
    if protocol == "ec2":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
            f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return _xml(error.status, body, request_id)
    if protocol == "rest-xml":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
            f"<Resource>{escape(path)}</Resource><RequestId>{request_id}</RequestId><HostId>sandbox</HostId></Error>"
        )
        return _xml(error.status, body, request_id)
    if protocol in {"json", "rest-json"}:
        document = {"__type": error.code, "message": error.message, "Message": error.message}
        status = error.status if protocol == "rest-json" or error.status >= 500 else 400
        return HttpResponse(
            status,
            json.dumps(document).encode(),
            [
                ("Content-Type", "application/x-amz-json-1.1" if protocol == "json" else "application/json"),
                ("x-amzn-RequestId", request_id),
                ("x-amzn-ErrorType", error.code),
            ],
        )
    if protocol == "smithy-rpc-v2-cbor":
        status = error.status if error.status >= 500 else 400
        return HttpResponse(
            status,
            _cbor_map({"__type": error.code, "message": error.message}),
            [
                ("Content-Type", "application/cbor"),
                ("smithy-protocol", "rpc-v2-cbor"),
                ("x-amzn-RequestId", request_id),
            ],
        )
    kind = "Receiver" if error.status >= 500 else "Sender"
    body = (
        "<ErrorResponse><Error>"
        f"<Type>{kind}</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return _xml(error.status, body, request_id)


def _xml(status: int, body: str, request_id: str) -> HttpResponse:
    return HttpResponse(status, body.encode(), [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)])


def _cbor_map(values: dict[str, str]) -> bytes:
    """Write a small map of texts as CBOR (RFC 8949, major types 5 and 3)."""
    out = bytearray([0xA0 | len(values)])
    for pair in values.items():
        for text in pair:
            raw = text.encode()
            out += b"\x7a" + len(raw).to_bytes(4, "big") + raw
    return bytes(out)


_JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "ExpiredToken": "ExpiredTokenException",
    "Throttling": "ThrottlingException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "IncompleteSignature": "IncompleteSignatureException",
    "ValidationError": "ValidationException",
}
_S3_CODES = {
    "InvalidClientTokenId": "InvalidAccessKeyId",
    "MissingAuthenticationToken": "AccessDenied",
    "IncompleteSignature": "AuthorizationHeaderMalformed",
    "Throttling": "SlowDown",
    "InternalFailure": "InternalError",
}
_EC2_UNAUTHENTICATED = {"InvalidClientTokenId", "SignatureDoesNotMatch"}


def in_words_of(error: AwsError, service: str, protocol: str) -> AwsError:
    """Give the error the code that the service's own protocol has for it."""
    if protocol == "ec2":
        if error.code == "AccessDenied":
            text = f"You are not authorized to perform this operation. {error.message}"
            return AwsError("UnauthorizedOperation", text, 403)
        if error.code in _EC2_UNAUTHENTICATED:
            text = "AWS was not able to validate the provided access credentials"
            return AwsError("AuthFailure", text, 401)
        if error.code == "ExpiredToken":
            return AwsError("RequestExpired", "Request has expired.", 400)
        return error
    if protocol == "rest-xml":
        status = 400 if error.code == "ExpiredToken" else error.status
        return AwsError(_S3_CODES.get(error.code, error.code), error.message, status)
    if protocol in {"json", "rest-json", "smithy-rpc-v2-cbor"} and service != "monitoring":
        return AwsError(_JSON_CODES.get(error.code, error.code), error.message, error.status)
    return error
