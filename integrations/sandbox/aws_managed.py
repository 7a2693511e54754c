"""AWS's own managed policies, `arn:aws:iam::aws:policy/…`, put into an account when it first names one.

The documents are moto's copy of AWS's. All of them in every account would cost seconds and much memory.
"""

import json
import re
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends

_ARN = re.compile(r"arn:(aws[a-z-]*):iam::aws:policy/(?:[\w+=,.@-]+/)*([\w+=,.@-]+)")


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(aws_managed_policies_data)
    return found


def provide(account: str, body: bytes) -> None:
    """Put the AWS managed policies that a request's body names into the account."""
    if b"aws" not in body or b"policy" not in body:
        return
    for partition, name in set(_ARN.findall(unquote_plus(body.decode(errors="replace")))):
        if name not in _data():
            continue
        policies = iam_backends[account][partition].managed_policies
        made = AWSManagedPolicy.from_data(name, account, partition, _data()[name])
        policies.setdefault(made.arn, made)
