"""IAM policy evaluation, pure: `evaluate(request, policies)` gives a decision with the statement that decided.

Nothing here knows of HTTP, of moto or of where policies are kept. The rules follow the IAM user guide, chapters
"Policy evaluation logic" and "IAM JSON policy elements reference".
"""

from integrations.sandbox.policy.document import (
    Policy,
    PolicyKind,
    PolicySyntaxError,
    Statement,
    parse_policy,
    readable_policy,
)
from integrations.sandbox.policy.evaluate import Decision, PolicySet, Request, evaluate
from integrations.sandbox.policy.principals import Principal

__all__ = [
    "Decision",
    "Policy",
    "PolicyKind",
    "PolicySet",
    "PolicySyntaxError",
    "Principal",
    "Request",
    "Statement",
    "evaluate",
    "parse_policy",
    "readable_policy",
]
