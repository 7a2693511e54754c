"""Play the customer's cloud administrator in the sandbox: create, update and delete a CloudFormation stack there.

On AWS only the customer does this, so everything here refuses to run unless the endpoint is on this machine. It needs
the sandbox's account root: its access key id is the account id.
"""

import ipaddress
import time
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws.arns import validate_account_id
from integrations.aws.clients import ClientFactory
from integrations.aws.errors import AwsCallFailed, translate

SANDBOX_SECRET = "test"  # noqa: S105  the sandbox's account roots all have this one
_REGION = "us-east-1"
_POLL = 0.2  # seconds
_TIMEOUT = 60.0  # seconds


class NotASandbox(Exception):
    """There is no endpoint on this machine: the stack would be made on AWS."""


class StackFailed(Exception):
    """CloudFormation did not finish the stack; the message holds its status and reason."""


def create_or_update_stack(
    endpoint_url: str | None, account_id: str, stack_name: str, template_body: str, *, region: str = _REGION
) -> str:
    """Create the stack, or update it where it exists, and wait; returns the stack's id.

    Raises NotASandbox, StackFailed, AwsCallFailed.
    """
    cloudformation = _client(endpoint_url, account_id, region)
    parameters = {
        "StackName": stack_name,
        "TemplateBody": template_body,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    try:
        if _stack(cloudformation, stack_name) is None:
            stack_id: str = cloudformation.create_stack(**parameters)["StackId"]
        else:
            try:
                stack_id = cloudformation.update_stack(**parameters)["StackId"]
            except ClientError as error:
                if "No updates are to be performed" not in error.response["Error"].get("Message", ""):
                    raise
                return str(_stack(cloudformation, stack_name)["StackId"])
        _wait(cloudformation, stack_id, {"CREATE_COMPLETE", "UPDATE_COMPLETE"})
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from None
    return stack_id


def delete_stack(endpoint_url: str | None, account_id: str, stack_name: str, *, region: str = _REGION) -> None:
    """Delete the stack and wait; a stack that is not there is fine. Raises as create_or_update_stack."""
    cloudformation = _client(endpoint_url, account_id, region)
    try:
        stack = _stack(cloudformation, stack_name)
        if stack is None:
            return
        cloudformation.delete_stack(StackName=stack_name)
        _wait(cloudformation, stack["StackId"], {"DELETE_COMPLETE"})
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from None


def is_sandbox(endpoint_url: str | None) -> bool:
    """Whether `endpoint_url` is on this machine."""
    if not endpoint_url:
        return False
    host = urlsplit(endpoint_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _client(endpoint_url: str | None, account_id: str, region: str) -> Any:
    if not is_sandbox(endpoint_url):
        raise NotASandbox("Stacks are created for the customer in the sandbox only.")
    return ClientFactory(endpoint_url).with_keys(
        "cloudformation", region, validate_account_id(account_id), SANDBOX_SECRET
    )


def _stack(cloudformation: Any, stack_name: str) -> Any:
    """The stack's description, or None where there is none."""
    try:
        stacks = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"].get("Code") == "ValidationError":
            return None
        raise
    return next((stack for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"), None)


def _wait(cloudformation: Any, stack_id: str, wanted: set[str]) -> None:
    ends_at = time.monotonic() + _TIMEOUT
    while True:
        try:
            stacks = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
        except ClientError as error:
            if "DELETE_COMPLETE" in wanted and translate(error).code == "ValidationError":
                return
            raise
        status = stacks[0]["StackStatus"] if stacks else "DELETE_COMPLETE"
        if status in wanted:
            return
        if not status.endswith("_IN_PROGRESS"):
            reason = stacks[0].get("StackStatusReason", "") if stacks else ""
            raise StackFailed(f"The stack ended as {status}. {reason}".strip())
        if time.monotonic() > ends_at:
            raise AwsCallFailed("StackTimeout", f"The stack is still {status}.")
        time.sleep(_POLL)
