"""S3's condition keys of how a request was signed and sent."""

from integrations.sandbox.context import Keys
from integrations.sandbox.operations import Operation


def keys_of_signing(operation: Operation) -> Keys:
    """Give `s3:authType`, `s3:signatureversion`, `s3:x-amz-content-sha256` and `s3:TlsVersion`.

    Plain HTTP to the sandbox stands for TLS 1.3 to AWS, unless the request says `X-Forwarded-Proto: http`.
    """
    request = operation.request
    if request is None:
        return {}
    by_query = "X-Amz-Signature" in request.query
    keys: Keys = {
        "s3:authtype": ("REST-QUERY-STRING" if by_query else "REST-HEADER",),
        "s3:signatureversion": ("AWS4-HMAC-SHA256",),
    }
    digest = request.headers.get("x-amz-content-sha256") or request.query.get("X-Amz-Content-Sha256")
    if digest:
        keys["s3:x-amz-content-sha256"] = (digest,)
    if request.headers.get("x-forwarded-proto") != "http":
        keys["s3:tlsversion"] = ("1.3",)
    return keys
