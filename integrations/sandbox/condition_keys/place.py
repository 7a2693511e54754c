"""Where a call is made, and what has to be looked up there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a call is made, and how to find the ARN of a role or user by name (it holds a path).

    `find_boundary` takes `role` or `user` and a name, `find_stack_tags` a stack's ARN.
    """

    partition: str
    region: str
    account: str
    caller_arn: str
    find_role: Callable[[str], str | None]
    find_user: Callable[[str], str | None]
    find_stack: Callable[[str], str | None]
    find_boundary: Callable[[str, str], str | None]
    find_stack_tags: Callable[[str], Mapping[str, str]]

    def ec2_arn(self, kind: str, name: str) -> str:
        """Give the ARN of something of EC2's in this place; an ARN is given back as it is."""
        return (
            name if name.startswith("arn:") else f"arn:{self.partition}:ec2:{self.region}:{self.account}:{kind}/{name}"
        )
