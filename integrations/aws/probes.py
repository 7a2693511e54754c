"""Live probes: one read-only call per permission, made with the customer role's own session.

A probe asks for one page and keeps nothing of the answer. An error that AWS can only give after it has authorised the
call proves the permission as well as an answer does; a refusal is never taken for fine.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws.assume_role import Session
from integrations.aws.chain import VendorSide
from integrations.aws.errors import translate
from integrations.aws.sts_regions import in_first_enabled_region
from integrations.catalogue import Probe


def call_probe(client: Any, probe: Probe) -> str:
    """Make the probe's call and return its request id; raises AwsCallFailed where it proves nothing, or a refusal."""
    try:
        answer = getattr(client, probe.operation)(**probe.parameters)
    except ClientError as error:
        failure = translate(error)
        if failure.code in probe.allowed_errors:
            return failure.request_id
        raise failure from None
    except BotoCoreError as error:
        raise translate(error) from None
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))


def run_probe(vendor: VendorSide, customer: Session, probe: Probe, region: str) -> str:
    """Make the probe's call in `region` with the customer role's session; as call_probe."""
    client = vendor.clients.with_session(probe.service, region, customer.credentials)
    return call_probe(client, probe)


def caller_account(vendor: VendorSide, customer: Session) -> tuple[str, str]:
    """The account that GetCallerIdentity answers for the session, and the request id; raises AwsCallFailed."""

    def ask(region: str) -> tuple[str, str]:
        sts = vendor.clients.with_session("sts", region, customer.credentials)
        try:
            answer = sts.get_caller_identity()
        except (ClientError, BotoCoreError) as error:
            raise translate(error) from None
        return str(answer["Account"]), str(answer.get("ResponseMetadata", {}).get("RequestId", ""))

    return in_first_enabled_region(vendor.settings, ask)
