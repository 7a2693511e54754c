"""Permissions boundaries of IAM users: moto has none, so the sandbox keeps them beside its users."""

import uuid
from typing import Any

from integrations.sandbox.callers import Caller
from integrations.sandbox.errors import AwsError
from integrations.sandbox.identities import managed_policy_text, set_user_boundary
from integrations.sandbox.journal import Journal
from integrations.sandbox.operations import Operation
from integrations.sandbox.wire import HttpResponse

OPERATIONS = {"PutUserPermissionsBoundary", "DeleteUserPermissionsBoundary"}


class UserBoundaries:
    """Sets boundaries, and journals them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def answer(self, operation: Operation, caller: Caller) -> HttpResponse:
        """Answer an authorised call. Raises AwsError."""
        boundary = operation.params.get("PermissionsBoundary")
        self._set(caller, str(operation.params.get("UserName", "")), str(boundary) if boundary else None)
        name = operation.name
        body = (
            f'<{name}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata>'
            f"<RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{name}Response>"
        )
        return HttpResponse(200, body.encode(), [("Content-Type", "text/xml")])

    def created(self, operation: Operation, caller: Caller) -> None:
        """Give a user that CreateUser just made the boundary that the call named."""
        boundary = operation.params.get("PermissionsBoundary")
        if boundary:
            self._set(caller, str(operation.params["UserName"]), str(boundary))

    def restore(self, record: dict[str, Any]) -> None:
        """Take a boundary back from the journal."""
        set_user_boundary(record["partition"], record["account"], record["user"], record["boundary"])

    def _set(self, caller: Caller, user: str, boundary: str | None) -> None:
        if boundary is not None and managed_policy_text(boundary) is None:
            raise AwsError("NoSuchEntity", f"Scope ARN: {boundary} does not exist or is not attachable.", 404)
        if not set_user_boundary(caller.partition, caller.account, user, boundary):
            raise AwsError("NoSuchEntity", f"The user with name {user} cannot be found.", 404)
        record = {"partition": caller.partition, "account": caller.account, "user": user, "boundary": boundary}
        self._journal.add({"user_boundary": record})
