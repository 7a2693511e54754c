"""Global condition keys of a request, as "AWS global condition context keys" in the IAM user guide lists them."""

from collections.abc import Mapping

from integrations.sandbox import organisations
from integrations.sandbox.callers import Caller
from integrations.sandbox.clock import Clock, iso
from integrations.sandbox.identities import Tags
from integrations.sandbox.wire import HttpRequest

Keys = dict[str, tuple[str, ...]]


def caller_keys(caller: Caller, tags: Tags) -> Keys:
    """Give the keys that describe the caller."""
    keys: Keys = {
        "aws:principalarn": (caller.principal.entity_arn,),
        "aws:principalaccount": (caller.account,),
        "aws:principaltype": (caller.kind,),
        "aws:userid": (caller.user_id,),
        "aws:principalisawsservice": ("false",),
    }
    if caller.kind == "User":
        keys["aws:username"] = (caller.user_name,)
    session = caller.session
    if session is not None:
        keys["aws:tokenissuetime"] = (iso(session.issued),)
        keys["aws:multifactorauthpresent"] = ("false",)
        if session.source_identity is not None:
            keys["aws:sourceidentity"] = (session.source_identity,)
    organisation = organisations.organisation_id(caller.account)
    if organisation is not None:
        keys["aws:principalorgid"] = (organisation,)
    for key, (_, value) in tags.items():
        keys[f"aws:principaltag/{key}"] = (value,)
    return keys


def request_keys(request: HttpRequest, clock: Clock, region: str | None) -> Keys:
    """Give the keys that describe the call itself.

    Plain HTTP to the sandbox stands for TLS to AWS, so `aws:SecureTransport` is true unless the request says
    `X-Forwarded-Proto: http`; `aws:SourceIp` is the peer's address unless `X-Forwarded-For` names another.
    """
    now = clock.now()
    forwarded = request.headers.get("x-forwarded-for", "")
    keys: Keys = {
        "aws:currenttime": (iso(now),),
        "aws:epochtime": (str(int(now)),),
        "aws:securetransport": ("false" if request.headers.get("x-forwarded-proto") == "http" else "true",),
        "aws:sourceip": (forwarded.split(",")[0].strip() or request.peer,),
        "aws:viaawsservice": ("false",),
    }
    if "user-agent" in request.headers:
        keys["aws:useragent"] = (request.headers["user-agent"],)
    if "referer" in request.headers:
        keys["aws:referer"] = (request.headers["referer"],)
    if region is not None:
        keys["aws:requestedregion"] = (region,)
    return keys


def tag_keys(prefix: str, tags: Mapping[str, tuple[str, str]]) -> Keys:
    """Give `prefix/key` for each tag."""
    return {f"{prefix}/{key}": (value,) for key, (_, value) in tags.items()}
