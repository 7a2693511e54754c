"""Building, updating and removing stacks, with roll-back.

Everything happens before the call returns, so a stack is never seen half-way; its events tell the steps. Source:
CloudFormation user guide, "Stack status codes" and "Update behaviors of stack resources".
"""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from integrations.sandbox.clock import Clock, iso
from integrations.sandbox.errors import AwsError
from integrations.sandbox.stacks.intrinsics import NO_VALUE, Resolver
from integrations.sandbox.stacks.provision import KINDS, Api, Made, Properties, generated_name
from integrations.sandbox.stacks.template import Template, invalid, read_template, references


@dataclass
class Resource:
    """A resource of a stack as it stands."""

    type: str
    physical: str
    attributes: dict[str, str]
    properties: Properties
    status: str
    changed: float
    retained: bool = False


@dataclass
class Stack:
    """A stack, in plain values that the journal can keep."""

    id: str
    name: str
    account: str
    region: str
    partition: str
    template: str
    created: float
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    description: str = ""
    updated: float | None = None
    deleted: float | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    role: str | None = None
    protected: bool = False
    disable_rollback: bool = False
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[dict[str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    change_sets: dict[str, dict[str, Any]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Give the stack as JSON values."""
        return asdict(self)

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> "Stack":
        """Read what `record` gave."""
        resources = {name: Resource(**item) for name, item in record["resources"].items()}
        return Stack(**{**record, "resources": resources})


def stack_id(partition: str, region: str, account: str, name: str) -> str:
    """Make a new stack's ARN."""
    return f"arn:{partition}:cloudformation:{region}:{account}:stack/{name}/{uuid.uuid4()}"


class _Failure(Exception):
    """A resource failed; carries what the stack's events say."""


class Build:
    """One run over one stack."""

    def __init__(self, stack: Stack, api: Api, clock: Clock) -> None:
        self._stack = stack
        self._api = api
        self._clock = clock

    def create(self, on_failure: str) -> None:
        """Create all resources; on a failure roll back, leave or delete as `on_failure` says."""
        stack = self._stack
        self._event_of_stack("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self._apply(read_template(stack.template), stack.parameters, {})
        except _Failure as failure:
            if on_failure == "DO_NOTHING":
                self._event_of_stack("CREATE_FAILED", str(failure))
                return
            verb = "DELETE" if on_failure == "DELETE" else "ROLLBACK"
            self._event_of_stack(f"{verb}_IN_PROGRESS", f"{failure} Rollback requested by user.")
            self._remove(list(reversed(stack.resources)))
            self._event_of_stack(f"{verb}_COMPLETE", "")
            stack.deleted = self._clock.now() if on_failure == "DELETE" else None
        else:
            self._event_of_stack("CREATE_COMPLETE", "")

    def update(self, template: str, parameters: dict[str, str]) -> None:
        """Change the stack to another template and parameters; on a failure put everything back."""
        stack = self._stack
        before = dict(stack.resources)
        old_template, old_parameters = stack.template, stack.parameters
        stack.updated = self._clock.now()
        self._event_of_stack("UPDATE_IN_PROGRESS", "User Initiated")
        try:
            self._apply(read_template(template), parameters, before)
        except _Failure as failure:
            self._event_of_stack("UPDATE_ROLLBACK_IN_PROGRESS", str(failure))
            try:
                self._apply(read_template(old_template), old_parameters, dict(stack.resources))
            except _Failure as second:
                self._event_of_stack("UPDATE_ROLLBACK_FAILED", str(second))
                return
            self._event_of_stack("UPDATE_ROLLBACK_COMPLETE", "")
        else:
            stack.template, stack.parameters = template, parameters
            stack.description = read_template(template).description
            self._event_of_stack("UPDATE_COMPLETE", "")

    def delete(self, retained: list[str]) -> None:
        """Remove the stack's resources, last made first."""
        stack = self._stack
        self._event_of_stack("DELETE_IN_PROGRESS", "User Initiated")
        try:
            self._remove([name for name in reversed(stack.resources) if name not in retained])
        except _Failure as failure:
            self._event_of_stack("DELETE_FAILED", str(failure))
            return
        stack.deleted = self._clock.now()
        self._event_of_stack("DELETE_COMPLETE", "")

    def resolver(self, template: Template, parameters: Mapping[str, str]) -> Resolver:
        """Give a resolver that knows the stack's resources as they stand."""
        stack = self._stack
        pseudo = {
            "AWS::AccountId": stack.account,
            "AWS::NotificationARNs": [],
            "AWS::Partition": stack.partition,
            "AWS::Region": stack.region,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com.cn" if stack.partition == "aws-cn" else "amazonaws.com",
        }
        return Resolver(template, parameters, pseudo, reference=self._ref, attribute=self._attribute)

    def _ref(self, name: str) -> str:
        if name not in self._stack.resources:
            raise invalid(f"Template format error: Unresolved resource dependencies [{name}] in the template")
        return self._stack.resources[name].physical

    def _attribute(self, name: str, attribute: str) -> str:
        resource = self._stack.resources.get(name)
        if resource is None:
            raise invalid(f"Template error: instance of Fn::GetAtt references undefined resource {name}")
        if attribute not in resource.attributes:
            raise invalid(f"Requested attribute {attribute} does not exist in schema for {resource.type}")
        return resource.attributes[attribute]

    def _apply(self, template: Template, parameters: Mapping[str, str], before: Mapping[str, Resource]) -> None:
        stack = self._stack
        resolver = self.resolver(template, parameters)
        wanted = [
            name
            for name in in_order(template)
            if "Condition" not in template.resources[name]
            or resolver.condition(str(template.resources[name]["Condition"]))
        ]
        replaced: list[tuple[str, Resource]] = []
        for name in wanted:
            declared = template.resources[name]
            try:
                properties = resolver.value(declared.get("Properties") or {})
                self._one(name, str(declared["Type"]), properties, before.get(name), replaced)
            except AwsError as error:
                reason = f"{error.message} (Service: CloudFormation, Status Code: {error.status}, Code: {error.code})"
                failed = "UPDATE_FAILED" if name in before else "CREATE_FAILED"
                self._event(name, str(declared["Type"]), "", failed, reason)
                raise _Failure(f"The following resource(s) failed: [{name}].") from error
            stack.resources[name].retained = declared.get("DeletionPolicy") in {"Retain", "RetainExceptOnCreate"}
        for name, resource in replaced:
            self._remove_one(name, resource)
        self._remove([name for name in reversed(list(before)) if name not in wanted])
        try:
            stack.outputs = _outputs(template, resolver)
        except AwsError as error:
            raise _Failure(error.message) from error

    def _one(
        self,
        name: str,
        kind_name: str,
        properties: Properties,
        before: Resource | None,
        replaced: list[tuple[str, Resource]],
    ) -> None:
        stack, kind = self._stack, KINDS[kind_name]
        missing = [item for item in kind.required if item not in properties]
        if missing and kind_name != "AWS::IAM::RolePolicy":
            raise invalid(f"Properties validation failed for resource {name}: required key [{missing[0]}] not found")
        if before is not None and before.properties == properties and before.type == kind_name:
            stack.resources[name] = before
            return
        replaces = before is not None and (
            before.type != kind_name or any(before.properties.get(p) != properties.get(p) for p in kind.replacing)
        )
        if before is None or replaces:
            if before is not None:
                replaced.append((name, before))
            self._event(name, kind_name, "", "CREATE_IN_PROGRESS", "")
            made = kind.create(self._api, generated_name(stack.name, name), properties)
            status = "CREATE_COMPLETE"
        else:
            made = Made(before.physical, before.attributes)
            self._event(name, kind_name, made.physical, "UPDATE_IN_PROGRESS", "")
            try:
                kind.update(self._api, made, before.properties, properties)
            except AwsError:
                # What a half-made update left is noted, so that the roll-back sets every property again.
                stack.resources[name] = Resource(
                    kind_name, made.physical, made.attributes, properties, "UPDATE_FAILED", self._clock.now()
                )
                raise
            status = "UPDATE_COMPLETE"
        stack.resources[name] = Resource(
            kind_name, made.physical, made.attributes, properties, status, self._clock.now()
        )
        self._event(name, kind_name, made.physical, status, "")

    def _remove(self, names: list[str]) -> None:
        failed = []
        for name in names:
            resource = self._stack.resources[name]
            try:
                self._remove_one(name, resource)
            except AwsError as error:
                self._event(name, resource.type, resource.physical, "DELETE_FAILED", error.message)
                failed.append(name)
            else:
                del self._stack.resources[name]
        if failed:
            raise _Failure(f"The following resource(s) failed to delete: [{', '.join(failed)}].")

    def _remove_one(self, name: str, resource: Resource) -> None:
        if resource.retained:
            self._event(name, resource.type, resource.physical, "DELETE_SKIPPED", "")
            return
        self._event(name, resource.type, resource.physical, "DELETE_IN_PROGRESS", "")
        made = Made(resource.physical, resource.attributes)
        KINDS[resource.type].delete(self._api, made, resource.properties)
        self._event(name, resource.type, resource.physical, "DELETE_COMPLETE", "")

    def _event_of_stack(self, status: str, reason: str) -> None:
        stack = self._stack
        stack.status, stack.reason = status, reason
        self._event(stack.name, "AWS::CloudFormation::Stack", stack.id, status, reason)

    def _event(self, logical: str, kind: str, physical: str, status: str, reason: str) -> None:
        event = {
            "StackId": self._stack.id,
            "EventId": str(uuid.uuid4()),
            "StackName": self._stack.name,
            "LogicalResourceId": logical,
            "PhysicalResourceId": physical,
            "ResourceType": kind,
            "Timestamp": iso(self._clock.now()),
            "ResourceStatus": status,
        }
        if reason:
            event["ResourceStatusReason"] = reason
        self._stack.events.insert(0, event)


def check_types(template: Template) -> None:
    """Refuse resource types that the sandbox cannot make. Raises AwsError."""
    unknown = sorted({str(item["Type"]) for item in template.resources.values()} - set(KINDS))
    if unknown:
        raise invalid(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}] (in the sandbox)")


def in_order(template: Template) -> list[str]:
    """Give the resources so that each comes after what it refers to. Raises AwsError for a circle."""
    order: list[str] = []
    visiting: set[str] = set()

    def visit(name: str) -> None:
        if name in order:
            return
        if name in visiting:
            raise invalid(f"Circular dependency between resources: [{', '.join(sorted(visiting))}]")
        visiting.add(name)
        declared = template.resources[name]
        depends = declared.get("DependsOn") or []
        for other in sorted(references(declared) | set([depends] if isinstance(depends, str) else depends)):
            if other in template.resources:
                visit(other)
        visiting.discard(name)
        order.append(name)

    for name in template.resources:
        visit(name)
    return order


def _outputs(template: Template, resolver: Resolver) -> list[dict[str, str]]:
    out = []
    for name, declared in template.outputs.items():
        if "Condition" in declared and not resolver.condition(str(declared["Condition"])):
            continue
        value = resolver.value(declared.get("Value"))
        if value is NO_VALUE:
            continue
        entry = {"OutputKey": name, "OutputValue": str(value)}
        if declared.get("Description"):
            entry["Description"] = str(declared["Description"])
        out.append(entry)
    return out
