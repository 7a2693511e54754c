"""Examine the vendor's own side: everything anew, with sessions of its own, within a fixed time."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws.arns import InvalidRoleArn, account_of_session_arn
from integrations.aws.chain import VendorSide
from integrations.aws.errors import AwsCallFailed, ClockSkewed, RegionDisabled, VendorIdentityMissing, translate
from integrations.aws.policies import MAX_TRUST_POLICY, PolicyTooLong, length_without_whitespace
from integrations.aws.vendor import VendorSettings
from integrations.aws.vendor_doctor.live import LiveChecks, Reached
from integrations.aws.vendor_doctor.reading import compare_roles, with_base_role
from integrations.aws.vendor_doctor.record import OutOfTime, Record
from integrations.aws.vendor_doctor.report import Check, Examination, Meter, State
from integrations.aws.vendor_policies import integration_role_trust
from integrations.catalogue import Catalogue

# AWS refuses a signature that is five minutes off; the Date header it answers with has whole seconds.
MAX_SKEW = 300  # seconds
SKEW_WARNING = 60  # seconds


def examine(
    settings: VendorSettings,
    catalogue: Catalogue,
    *,
    remembered_role_id: str = "",
    deadline_seconds: float = 120,
) -> Examination:
    """Prove the vendor's own side; AWS's failures are checks, never exceptions.

    `remembered_role_id` is the integration role's unique id as it was, empty where nobody knows. After the deadline no
    further call is made, and what is left counts as not told; one call takes half a minute at the most.
    """
    started_at, started = datetime.now(UTC), time.monotonic()
    record = Record(ends_at=started + deadline_seconds)
    vendor = VendorSide(settings)  # of its own: sessions that others opened earlier would hide what broke since
    reached, identity = Reached(), ""
    _trust_fits(settings, catalogue, record)
    try:
        identity = _identity(vendor, record)
        if identity:
            reached = LiveChecks(vendor, catalogue, record).run()
            _role_id(settings, reached.integration_role_id, remembered_role_id, record)
            iam = vendor.clients.with_own_identity("iam", settings.region)
            compare_roles(with_base_role(settings, iam, vendor.base_role_name()), catalogue, iam, record)
    except OutOfTime:
        record.unknown(
            "time",
            "",
            f"What is left was not tried: {deadline_seconds:.0f} seconds were over",
            "Ask again; if it lasts, look at the network between here and AWS.",
        )
    except AwsCallFailed as failure:
        record.unknown("identity", "", "AWS gave no answer", "Ask again.", detail=str(failure))
    return Examination(
        started_at=started_at,
        seconds=round(time.monotonic() - started, 1),
        account_id=settings.vendor_account_id,
        region=settings.region,
        chain=settings.chain,
        identity_arn=identity,
        integration_role_id=reached.integration_role_id if settings.chain != "direct" else "",
        checks=tuple(record.checks),
        meters=tuple(record.meters),
    )


def _identity(vendor: VendorSide, record: Record) -> str:
    """Who this process is to AWS, in which account, and whether its clock is right; empty where it is nobody."""
    settings = vendor.settings
    try:
        answer = vendor.base_sts(settings.region).get_caller_identity()
        arn = str(answer["Arn"])
        account_id = account_of_session_arn(arn)
    except VendorIdentityMissing as failure:
        record.failed(
            "identity",
            "",
            "This process has no AWS identity",
            "Give it one by its platform: a task role, an instance profile, a pod identity. Never keys.",
            detail=str(failure),
        )
        return ""
    except (ClientError, BotoCoreError) as error:
        _no_identity(settings, translate(error), record)
        return ""
    except InvalidRoleArn as error:
        record.unknown("identity", "", "AWS answered no identity", "Ask again.", detail=str(error))
        return ""
    if account_id != settings.vendor_account_id:
        record.failed(
            "identity",
            "",
            f"This process is {arn}, in another account than VENDOR_ACCOUNT_ID ({settings.vendor_account_id})",
            "Correct VENDOR_ACCOUNT_ID, or run this with the worker's identity.",
        )
        return ""
    record.passed("identity", "", f"This process is {arn}")
    record.passed("region", settings.region, f"STS answers in {settings.region}")
    _clock(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}), record)
    return arn


def _no_identity(settings: VendorSettings, failure: AwsCallFailed, record: Record) -> None:
    detail = str(failure)
    if isinstance(failure, ClockSkewed):
        record.failed("clock", "", "The clock of this machine is wrong", "Set it by NTP.", detail=detail)
    elif isinstance(failure, RegionDisabled):
        record.failed(
            "region",
            settings.region,
            f"STS is switched off in {settings.region}",
            "Activate it in the account settings of IAM, or set VENDOR_REGION to another region.",
            detail=detail,
        )
    elif failure.cause in {"throttled", "aws_unreachable"}:
        record.unknown(
            "identity",
            "",
            f"STS gives no answer in {settings.region}",
            f"Let this machine reach https://sts.{settings.region}.amazonaws.com, or ask again.",
            detail=detail,
        )
    else:
        record.failed(
            "identity",
            "",
            "AWS does not accept the identity of this process",
            "Look at the role that its platform gives it, and whether VENDOR_PARTITION and VENDOR_REGION are right.",
            detail=detail,
        )


def _clock(headers: Mapping[str, Any], record: Record) -> None:
    """Compare our clock with the Date that AWS answered."""
    try:
        skew = abs(round((datetime.now(UTC) - parsedate_to_datetime(str(headers["date"]))).total_seconds()))
    except (KeyError, ValueError, TypeError):
        record.unknown("clock", "", "AWS's answer tells no time", "Ask again.")
        return
    record.meters.append(Meter("clock_skew", "", skew, MAX_SKEW, "seconds"))
    if skew > SKEW_WARNING:
        record.failed(
            "clock", "", f"The clock of this machine is {skew} seconds off; AWS refuses at {MAX_SKEW}", "Set it by NTP."
        )
    else:
        record.passed("clock", "", "The clock of this machine is right")


def _trust_fits(settings: VendorSettings, catalogue: Catalogue, record: Record) -> None:
    """Whether the integration role's trust policy has room for the catalogue's components."""
    if settings.chain == "direct":
        return
    try:
        used = length_without_whitespace(integration_role_trust(settings, catalogue))
    except PolicyTooLong as error:
        record.failed("trust_policy_length", "integration", str(error), "Set chain: abac in the catalogue.")
        return
    record.meters.append(Meter("trust_policy_as_rendered", "integration", used, MAX_TRUST_POLICY, "characters"))


def _role_id(settings: VendorSettings, found: str, remembered: str, record: Record) -> None:
    """F9: a recreated integration role locks us out of every customer whose trust policy pins it."""
    if settings.chain == "direct" or not found:
        return
    if remembered and remembered != found:
        record.failed(
            "integration_role_id",
            "integration",
            f"The integration role was made anew: its unique id is {found}, it was {remembered}",
            "Every customer whose trust policy names the role has to deploy the role template again. Never delete this "
            "role; change it.",
        )
    elif remembered:
        record.passed("integration_role_id", "integration", f"The integration role is the one it was ({found})")
    else:
        record.checks.append(
            Check("integration_role_id", "integration", State.PASSED, f"The integration role's unique id is {found}")
        )
