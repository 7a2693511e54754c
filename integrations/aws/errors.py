"""What AWS's refusals and failures mean: who must act, and whether to ask again.

`translate` turns whatever botocore raises into an exception of ours whose type carries the decision; no botocore error
leaves this package. `read_denial` reads the text of an AccessDenied. Codes are those of the STS model and AWS's error
reference; texts those of "Troubleshoot access denied error messages" in the IAM user guide.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import (
    ConnectionError as BotocoreConnectionError,
)

from integrations.aws.report import Actor


class Retry(StrEnum):
    """Whether to ask again. Each is read where it is acted on: `sts_regions` (OTHER_REGION), `chain` and `checks`
    (REBUILD), `checks.back_off` (BACK_OFF) and `customer_refusals` (WHILE_YOUNG)."""

    NEVER = "never"
    WHILE_YOUNG = "while_young"  # IAM may not have spread the role yet: for five minutes, then slowly
    OTHER_REGION = "other_region"
    REBUILD = "rebuild"  # once, with fresh sessions from the first hop on
    BACK_OFF = "back_off"  # full jitter


class AwsCallFailed(Exception):
    """A call to AWS gave no answer that can be used. `text` is AWS's own, which str() shows redacted."""

    retry = Retry.NEVER
    who = Actor.NOBODY
    cause = "unexpected_answer"

    def __init__(self, code: str, text: str = "", request_id: str = "") -> None:
        # What is said of a failure is kept, and PostgreSQL keeps no NUL.
        code, text, request_id = (said.replace("\x00", "") for said in (code, text, request_id))
        super().__init__(code)
        self.code = code
        self.text = text
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.code}: {redact(self.text)}" if self.text else self.code


class Refused(AwsCallFailed):
    """AWS does not authorise the call. Whose fault that is depends on the hop."""

    retry = Retry.WHILE_YOUNG
    cause = "refused"


class RequestInvalid(AwsCallFailed):
    """AWS cannot read our request: bad characters, a wrong duration. Ours to prevent."""

    who = Actor.VENDOR
    cause = "request_invalid"


class SessionPolicyInvalid(AwsCallFailed):
    """Our session policy or our tags are malformed, or too large when packed."""

    who = Actor.VENDOR
    cause = "session_policy_invalid"


class RegionDisabled(AwsCallFailed):
    """STS, or the region, is switched off in the account."""

    retry = Retry.OTHER_REGION
    who = Actor.CUSTOMER
    cause = "region_disabled"


class SessionExpired(AwsCallFailed):
    """A hop's credentials are stale."""

    retry = Retry.REBUILD
    cause = "session_expired"


class VendorCredentialsInvalid(AwsCallFailed):
    """AWS does not know the credentials we signed with, or they belong to another partition."""

    who = Actor.VENDOR
    cause = "vendor_credentials_invalid"


class VendorIdentityMissing(VendorCredentialsInvalid):
    """The environment gives this process no AWS identity."""

    cause = "vendor_identity_missing"


class ClockSkewed(AwsCallFailed):
    """The clock of this machine differs too much from AWS's."""

    who = Actor.VENDOR
    cause = "clock_skewed"


class Throttled(AwsCallFailed):
    retry = Retry.BACK_OFF
    cause = "throttled"


class Unreachable(AwsCallFailed):
    """No answer: timeout, broken connection, or a fault on AWS's side."""

    retry = Retry.BACK_OFF
    cause = "aws_unreachable"


class ServiceNotAvailable(AwsCallFailed):
    """The account has not opted in to the service or region, or the region does not have it."""

    who = Actor.NOBODY
    cause = "service_not_available"


_REFUSAL_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Forbidden",
        "ForbiddenException",
        "NotAuthorized",
        "UnauthorizedAccess",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
_TYPE_OF_CODE: dict[str, type[AwsCallFailed]] = {
    **dict.fromkeys(_REFUSAL_CODES, Refused),
    "ValidationError": RequestInvalid,
    "InvalidParameterValue": RequestInvalid,
    "MalformedPolicyDocument": SessionPolicyInvalid,
    "MalformedPolicyDocumentException": SessionPolicyInvalid,
    "PackedPolicyTooLarge": SessionPolicyInvalid,
    "PackedPolicyTooLargeException": SessionPolicyInvalid,
    "RegionDisabledException": RegionDisabled,
    "ExpiredToken": SessionExpired,
    "ExpiredTokenException": SessionExpired,
    "RequestExpired": ClockSkewed,
    "RequestTimeTooSkewed": ClockSkewed,
    "InvalidClientTokenId": VendorCredentialsInvalid,
    "UnrecognizedClientException": VendorCredentialsInvalid,
    "SignatureDoesNotMatch": VendorCredentialsInvalid,
    "InvalidSignatureException": VendorCredentialsInvalid,
    "InvalidAccessKeyId": VendorCredentialsInvalid,
    "AuthFailure": VendorCredentialsInvalid,
    "IncompleteSignature": VendorCredentialsInvalid,
    "MissingAuthenticationToken": VendorCredentialsInvalid,
    "OptInRequired": ServiceNotAvailable,
    "SubscriptionRequiredException": ServiceNotAvailable,
    "UnknownOperationException": ServiceNotAvailable,
    "RequestLimitExceeded": Throttled,
    "TooManyRequestsException": Throttled,
    "SlowDown": Throttled,
    "LimitExceededException": Throttled,
    "PriorRequestNotComplete": Throttled,
    "BandwidthLimitExceeded": Throttled,
    "RequestTimeout": Unreachable,
    "RequestTimeoutException": Unreachable,
    "InternalFailure": Unreachable,
    "InternalError": Unreachable,
    "ServiceUnavailable": Unreachable,
}


def translate(error: ClientError | BotoCoreError) -> AwsCallFailed:
    """Our exception for what botocore raised; raise it `from None`, so that no request travels in a traceback."""
    if isinstance(error, ClientError):
        return _translate_answer(error)
    name = type(error).__name__
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError | ProfileNotFound):
        return VendorIdentityMissing(name, "This process has no AWS identity it can use.")
    if isinstance(error, ParamValidationError):
        return RequestInvalid(name, str(error))
    if isinstance(error, BotocoreConnectionError | HTTPClientError):
        return Unreachable(name, "AWS gave no answer.")
    return AwsCallFailed(name, "botocore could not make the call.")


def _translate_answer(error: ClientError) -> AwsCallFailed:
    answer = error.response.get("Error", {})
    code = answer.get("Code", "Unknown")
    text = answer.get("Message", "")
    metadata = error.response.get("ResponseMetadata", {})
    request_id = metadata.get("RequestId", "")
    status = metadata.get("HTTPStatusCode", 0)
    kind = _TYPE_OF_CODE.get(code)
    if kind is VendorCredentialsInvalid and "Signature expired" in text:
        kind = ClockSkewed
    if kind is None:
        if "Throttl" in code:
            kind = Throttled
        elif status >= 500:
            kind = Unreachable
        elif status == 403:
            kind = Refused
        else:
            kind = AwsCallFailed
    return kind(code, text, request_id)


class PolicyType(StrEnum):
    """The kinds of policy that an AccessDenied text can name, in AWS's words."""

    IDENTITY = "identity-based policy"
    SERVICE_CONTROL = "service control policy"
    RESOURCE_CONTROL = "resource control policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    RESOURCE = "resource-based policy"
    VPC_ENDPOINT = "VPC endpoint policy"
    ROLE_TRUST = "role trust policy"


@dataclass(frozen=True)
class Denial:
    """What an AccessDenied text says. Fields are empty where it says nothing: many texts are bare or encoded."""

    action: str = ""
    resource: str = ""
    policy_type: PolicyType | None = None
    explicit: bool = False
    policy_arn: str = ""
    encoded: str = ""  # EC2's reason, which sts:DecodeAuthorizationMessage reads


_ACTION = re.compile(r"not authorized to perform:? ([A-Za-z0-9-]+:[A-Za-z0-9*]+)")
_RESOURCE = re.compile(r"on resource:? \"?([^\s\"]+)\"?")
_TYPES = "|".join(re.escape(kind.value) for kind in PolicyType)
_IMPLICIT = re.compile(rf"because no ({_TYPES}) allows", re.IGNORECASE)
_EXPLICIT = re.compile(rf"explicit deny in (?:an? )?({_TYPES})", re.IGNORECASE)
_POLICY_ARN = re.compile(r"explicit deny in [^:]*: (arn:[^\s,]+)")
_ENCODED = re.compile(r"(Encoded authorization failure message: ?)([A-Za-z0-9_=-]+)")
_ENCODED_IN_COMMAND = re.compile(r"(--encoded-message )\S+")  # of the command by which the customer reads it


def read_denial(text: str) -> Denial:
    """What the text of an AccessDenied says about the policy that refused."""
    action = _ACTION.search(text)
    resource = _RESOURCE.search(text)
    explicit = _EXPLICIT.search(text)
    named = explicit or _IMPLICIT.search(text)
    policy_arn = _POLICY_ARN.search(text)
    encoded = _ENCODED.search(text)
    return Denial(
        action=action[1] if action else "",
        resource=resource[1] if resource else "",
        policy_type=_policy_type(named[1]) if named else None,
        explicit=explicit is not None,
        policy_arn=policy_arn[1].rstrip(".") if policy_arn else "",
        encoded=encoded[2] if encoded else "",
    )


def _policy_type(words: str) -> PolicyType:
    return next(kind for kind in PolicyType if kind.value.lower() == words.lower())


_ORGANISATION_IDS = re.compile(
    r"arn:[a-z-]+:organizations:[^\s,]*|\b(?:o-[a-z0-9]{10,32}|r-[a-z0-9]{4,32}|ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}"
    r"|p-[a-z0-9]{8,128})\b"
)
_POLICY_NAMES = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:policy/[^\s,]+")


def redact(text: str) -> str:
    """`text` without the ids and policy names of a customer's organisation and account: for staff and logs.

    EC2's encoded reasons go as well: whoever decodes them reads the same names.
    """
    text = _POLICY_NAMES.sub("[policy]", _ORGANISATION_IDS.sub("[organisation]", text))
    return _ENCODED_IN_COMMAND.sub(r"\1[encoded]", _ENCODED.sub(r"\1[encoded]", text))
