"""`iam:PassRole` for calls that hand a role to a service.

Source: service authorization reference, dependent actions; IAM user guide, "Grant a user permissions to pass a role".
"""

from collections.abc import Iterator

from integrations.sandbox.condition_keys import Place
from integrations.sandbox.condition_keys.values import dug, texts
from integrations.sandbox.demands.demand import Demand
from integrations.sandbox.operations import Operation

_PASSED = {
    ("cloudformation", "RoleARN"): "cloudformation.amazonaws.com",
    ("cloudtrail", "CloudWatchLogsRoleArn"): "cloudtrail.amazonaws.com",
    ("lambda", "Role"): "lambda.amazonaws.com",
    ("logs", "roleArn"): "logs.amazonaws.com",
    ("rds", "MonitoringRoleArn"): "monitoring.rds.amazonaws.com",
}


def demands_of_passed_roles(operation: Operation, place: Place) -> Iterator[Demand]:
    """Give a demand for each role that the call passes on."""
    if not operation.changes:
        return
    for (service, parameter), principal in _PASSED.items():
        role = operation.params.get(parameter)
        if operation.service == service and isinstance(role, str) and role:
            yield Demand("iam:PassRole", role, {"iam:passedtoservice": (principal,)})
    if operation.service == "ec2":
        for role in _roles_of_profile(operation, place):
            yield Demand("iam:PassRole", role, {"iam:passedtoservice": ("ec2.amazonaws.com",)})


def _roles_of_profile(operation: Operation, place: Place) -> Iterator[str]:
    from moto.iam.models import iam_backends

    named = [
        name for path in ("IamInstanceProfile.Name", "IamInstanceProfile.Arn") for name in dug(operation.params, path)
    ]
    wanted = {text.rsplit("/", 1)[-1] for name in named for text in texts(name)}
    if not wanted or place.account not in iam_backends:
        return
    for profile in list(iam_backends[place.account][place.partition].instance_profiles.values()):
        if profile.name in wanted:
            yield from (str(role.arn) for role in profile.roles)
