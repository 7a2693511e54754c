"""The CloudFormation operations that the sandbox answers. Source: CloudFormation API reference."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from integrations.sandbox.callers import Caller
from integrations.sandbox.clock import Clock, iso
from integrations.sandbox.errors import AwsError
from integrations.sandbox.journal import Journal
from integrations.sandbox.operations import Operation
from integrations.sandbox.stacks.engine import Build, Stack, check_types, in_order, stack_id
from integrations.sandbox.stacks.parameters import read_values, shown_values
from integrations.sandbox.stacks.provision import Api
from integrations.sandbox.stacks.template import LARGEST_BODY, Template, invalid, read_template
from integrations.sandbox.wire import HttpResponse

ApiFor = Callable[[Caller, str, str | None], Api]
"""Gives the way to AWS for a caller, in a region, through a service role if one is named."""

_NAME = re.compile(r"^[a-zA-Z][-a-zA-Z0-9]{0,127}$")
_FIXED = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"}


class StackService:
    """All stacks of all accounts."""

    def __init__(self, clock: Clock, journal: Journal, api_for: ApiFor) -> None:
        self._clock = clock
        self._journal = journal
        self._api_for = api_for
        self._stacks: dict[str, Stack] = {}

    def restore(self, record: Mapping[str, Any]) -> None:
        """Take a stack back from the journal."""
        stack = Stack.from_record(record)
        self._stacks[stack.id] = stack

    def state(self) -> dict[str, Stack]:
        """Give all stacks, for a snapshot."""
        return dict(self._stacks)

    def take(self, state: dict[str, Stack]) -> None:
        """Put back what `state` gave."""
        self._stacks.update(state)

    def forget(self) -> None:
        """Forget all stacks, at a reset."""
        self._stacks.clear()

    def arn_of(self, account: str, region: str, name: str) -> str | None:
        """Give the id of the live stack of this name."""
        found = self._live(account, region, name)
        return found.id if found is not None else None

    def tags_of(self, account: str, region: str, stack_id: str) -> dict[str, str]:
        """Give the tags of the live stack with this id."""
        found = self._live(account, region, stack_id)
        return dict(found.tags) if found is not None else {}

    def answer(self, operation: Operation, caller: Caller, region: str) -> HttpResponse:
        """Answer an authorised call. Raises AwsError."""
        handlers: dict[str, Callable[[dict[str, Any], Caller, str], Any]] = {
            "CreateStack": self._create,
            "UpdateStack": self._update,
            "DeleteStack": self._delete,
            "DescribeStacks": self._describe,
            "DescribeStackEvents": self._events,
            "DescribeStackResources": self._resources,
            "DescribeStackResource": self._resource,
            "ListStackResources": self._list_resources,
            "ListStacks": self._list,
            "GetTemplate": self._template,
            "GetTemplateSummary": self._summary,
            "ValidateTemplate": self._validate,
            "CreateChangeSet": self._create_change_set,
            "DescribeChangeSet": self._describe_change_set,
            "ExecuteChangeSet": self._execute_change_set,
            "DeleteChangeSet": self._delete_change_set,
            "ListChangeSets": self._list_change_sets,
            "UpdateTerminationProtection": self._protect,
        }
        handler = handlers.get(operation.name)
        if handler is None:
            raise AwsError("NotInTheSandbox", f"cloudformation:{operation.name} is not in the sandbox.", 400)
        return _answer(operation.name, handler(operation.params, caller, region))

    def _live(self, account: str, region: str, name: str) -> Stack | None:
        for stack in self._stacks.values():
            if (stack.account, stack.region) != (account, region):
                continue
            if stack.id == name or (stack.name == name and stack.deleted is None):
                return stack
        return None

    def _found(self, params: Mapping[str, Any], caller: Caller, region: str, *, text: str | None = None) -> Stack:
        name = str(params.get("StackName", ""))
        stack = self._live(caller.account, region, name)
        if stack is None:
            raise invalid((text or "Stack with id {} does not exist").format(name))
        return stack

    def _text(self, params: Mapping[str, Any], api: Api, previous: str | None) -> str:
        if params.get("TemplateBody"):
            text = str(params["TemplateBody"])
            if len(text.encode()) > LARGEST_BODY:
                raise invalid(
                    "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
                    f"Member must have length less than or equal to {LARGEST_BODY}"
                )
            return text
        if params.get("TemplateURL"):
            found = re.match(r"^https?://[^/]+/(.+)$", str(params["TemplateURL"]))
            if found is None:
                raise invalid("TemplateURL must reference a valid S3 object to which you have access.")
            host = str(params["TemplateURL"]).split("/")[2]
            inside = re.match(r"^(.+)\.s3[.-]", host)
            target = f"/{inside.group(1)}/{found.group(1)}" if inside else f"/{found.group(1)}"
            try:
                return api.http("s3", "GET", target, {}, b"").decode()
            except (AwsError, UnicodeDecodeError) as error:
                raise invalid(f"S3 error: {error}") from error
        if params.get("UsePreviousTemplate") is True and previous is not None:
            return previous
        raise invalid("Either Template URL or Template Body must be specified.")

    def _create(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        name = _checked_name(params)
        if self._live(caller.account, region, name) is not None:
            raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists", 400)
        api = self._api_for(caller, region, params.get("RoleARN"))
        template = read_template(self._text(params, api, None))
        stack = self._new(params, caller, region, template, api)
        stack.parameters = read_values(template, params.get("Parameters") or [], {})
        _check_capabilities(template, params)
        self._stacks[stack.id] = stack
        on_failure = str(params.get("OnFailure") or ("DO_NOTHING" if stack.disable_rollback else "ROLLBACK"))
        Build(stack, api, self._clock).create(on_failure)
        self._keep(stack)
        return {"StackId": stack.id}

    def _new(self, params: Mapping[str, Any], caller: Caller, region: str, template: Template, api: Api) -> Stack:
        check_types(template)
        in_order(template)
        stack = Stack(
            id=stack_id(caller.partition, region, caller.account, str(params["StackName"])),
            name=str(params["StackName"]),
            account=caller.account,
            region=region,
            partition=api.partition,
            template=template.text,
            created=self._clock.now(),
        )
        self._adopt(stack, params)
        stack.description = template.description
        return stack

    def _adopt(self, stack: Stack, params: Mapping[str, Any]) -> None:
        if params.get("Tags") is not None:
            stack.tags = {str(tag["Key"]): str(tag["Value"]) for tag in params["Tags"]}
        if params.get("Capabilities") is not None:
            stack.capabilities = [str(item) for item in params["Capabilities"]]
        if params.get("RoleARN"):
            stack.role = str(params["RoleARN"])
        stack.disable_rollback = params.get("DisableRollback") is True
        if params.get("EnableTerminationProtection") is not None:
            stack.protected = params["EnableTerminationProtection"] is True

    def _update(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack = self._found(params, caller, region, text="Stack [{}] does not exist")
        if stack.status in _FIXED or stack.deleted is not None:
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        api = self._api_for(caller, region, params.get("RoleARN") or stack.role)
        template = read_template(self._text(params, api, stack.template))
        check_types(template)
        in_order(template)
        values = read_values(template, params.get("Parameters") or [], stack.parameters)
        _check_capabilities(template, params)
        tags = {str(tag["Key"]): str(tag["Value"]) for tag in params.get("Tags") or []} or stack.tags
        if template.text == stack.template and values == stack.parameters and tags == stack.tags:
            raise invalid("No updates are to be performed.")
        self._adopt(stack, params)
        Build(stack, api, self._clock).update(template.text, values)
        self._keep(stack)
        return {"StackId": stack.id}

    def _delete(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack = self._live(caller.account, region, str(params.get("StackName", "")))
        if stack is None or stack.deleted is not None:
            return None
        if stack.protected:
            raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        api = self._api_for(caller, region, params.get("RoleARN") or stack.role)
        Build(stack, api, self._clock).delete([str(name) for name in params.get("RetainResources") or []])
        self._keep(stack)
        return None

    def _describe(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        if params.get("StackName"):
            found = [self._found(params, caller, region)]
        else:
            found = [stack for stack in self._of(caller, region) if stack.deleted is None]
        return {"Stacks": [_described(stack) for stack in found]}

    def _of(self, caller: Caller, region: str) -> list[Stack]:
        mine = [s for s in self._stacks.values() if (s.account, s.region) == (caller.account, region)]
        return sorted(mine, key=lambda stack: stack.created, reverse=True)

    def _events(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack = self._found(params, caller, region, text="Stack [{}] does not exist")
        return {"StackEvents": stack.events}

    def _resources(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack = self._found(params, caller, region)
        wanted = params.get("LogicalResourceId")
        found = [_resource(stack, name) for name in stack.resources if wanted in {None, name}]
        return {"StackResources": found}

    def _resource(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack = self._found(params, caller, region, text="Stack '{}' does not exist")
        name = str(params.get("LogicalResourceId"))
        if name not in stack.resources:
            raise invalid(f"Resource {name} does not exist for stack {stack.name}")
        detail = _resource(stack, name)
        detail["LastUpdatedTimestamp"] = detail.pop("Timestamp")
        return {"StackResourceDetail": detail}

    def _list_resources(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack = self._found(params, caller, region)
        found = []
        for name in stack.resources:
            summary = _resource(stack, name)
            summary["LastUpdatedTimestamp"] = summary.pop("Timestamp")
            found.append(summary)
        return {"StackResourceSummaries": found}

    def _list(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        wanted = params.get("StackStatusFilter") or []
        return {
            "StackSummaries": [
                {
                    "StackId": stack.id,
                    "StackName": stack.name,
                    "TemplateDescription": stack.description,
                    "CreationTime": iso(stack.created),
                    **({"DeletionTime": iso(stack.deleted)} if stack.deleted is not None else {}),
                    "StackStatus": stack.status,
                }
                for stack in self._of(caller, region)
                if not wanted or stack.status in wanted
            ]
        }

    def _template(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        return {"TemplateBody": self._found(params, caller, region, text="Stack [{}] does not exist").template}

    def _summary(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        previous = self._found(params, caller, region).template if params.get("StackName") else None
        api = self._api_for(caller, region, None)
        usable = {**params, "UsePreviousTemplate": previous is not None}
        template = read_template(self._text(usable, api, previous))
        return {**_parameters(template), "ResourceTypes": sorted({str(r["Type"]) for r in template.resources.values()})}

    def _validate(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        return _parameters(read_template(self._text(params, self._api_for(caller, region, None), None)))

    def _protect(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack = self._found(params, caller, region)
        stack.protected = params.get("EnableTerminationProtection") is True
        self._keep(stack)
        return {"StackId": stack.id}

    def _create_change_set(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        name = _checked_name(params)
        api = self._api_for(caller, region, params.get("RoleARN"))
        stack = self._live(caller.account, region, name)
        kind = str(params.get("ChangeSetType") or "UPDATE")
        template = read_template(self._text(params, api, stack.template if stack else None))
        if kind == "CREATE" and (stack is None or stack.status == "REVIEW_IN_PROGRESS"):
            if stack is None:
                stack = self._new(params, caller, region, template, api)
                self._stacks[stack.id] = stack
        elif stack is None or kind == "CREATE":
            raise invalid(f"Stack [{name}] {'already exists' if stack else 'does not exist'}")
        check_types(template)
        values = read_values(template, params.get("Parameters") or [], stack.parameters)
        _check_capabilities(template, params)
        nothing = kind == "UPDATE" and template.text == stack.template and values == stack.parameters
        change_id = f"arn:{stack.partition}:cloudformation:{region}:{stack.account}:changeSet/{params['ChangeSetName']}"
        stack.change_sets[str(params["ChangeSetName"])] = {
            "id": f"{change_id}/{uuid.uuid4()}",
            "kind": kind,
            "template": template.text,
            "parameters": values,
            "params": {key: params[key] for key in ("Tags", "Capabilities", "RoleARN") if params.get(key)},
            "created": self._clock.now(),
            "status": "FAILED" if nothing else "CREATE_COMPLETE",
            "changes": _changes(stack, template),
        }
        self._keep(stack)
        return {"Id": stack.change_sets[str(params["ChangeSetName"])]["id"], "StackId": stack.id}

    def _change_set(self, params: dict[str, Any], caller: Caller, region: str) -> tuple[Stack, str]:
        wanted = str(params.get("ChangeSetName", ""))
        for stack in self._of(caller, region):
            for name, change_set in stack.change_sets.items():
                here = params.get("StackName") in {None, stack.name, stack.id}
                if wanted == change_set["id"] or (wanted == name and here):
                    return stack, name
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist", 404)

    def _describe_change_set(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack, name = self._change_set(params, caller, region)
        change_set = stack.change_sets[name]
        failed = change_set["status"] == "FAILED"
        template = read_template(change_set["template"])
        return {
            "ChangeSetName": name,
            "ChangeSetId": change_set["id"],
            "StackId": stack.id,
            "StackName": stack.name,
            "Parameters": shown_values(template, change_set["parameters"]),
            "CreationTime": iso(change_set["created"]),
            "ExecutionStatus": "UNAVAILABLE" if failed else "AVAILABLE",
            "Status": change_set["status"],
            **(
                {"StatusReason": "The submitted information didn't contain changes. Submit different information to "
                                 "create a change set."}
                if failed
                else {}
            ),
            "Changes": change_set["changes"],
        }  # fmt: skip

    def _execute_change_set(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack, name = self._change_set(params, caller, region)
        change_set = stack.change_sets[name]
        if change_set["status"] != "CREATE_COMPLETE":
            raise AwsError("InvalidChangeSetStatus", f"ChangeSet [{change_set['id']}] cannot be executed", 400)
        self._adopt(stack, change_set["params"])
        api = self._api_for(caller, region, stack.role)
        build = Build(stack, api, self._clock)
        stack.change_sets.clear()
        if change_set["kind"] == "CREATE":
            stack.template, stack.parameters = change_set["template"], change_set["parameters"]
            build.create("ROLLBACK")
        else:
            build.update(change_set["template"], change_set["parameters"])
        self._keep(stack)
        return {}

    def _delete_change_set(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack, name = self._change_set(params, caller, region)
        del stack.change_sets[name]
        self._keep(stack)
        return {}

    def _list_change_sets(self, params: dict[str, Any], caller: Caller, region: str) -> Any:
        stack = self._found(params, caller, region)
        return {
            "Summaries": [
                {"StackId": stack.id, "StackName": stack.name, "ChangeSetId": item["id"], "ChangeSetName": name,
                 "Status": item["status"], "CreationTime": iso(item["created"])}
                for name, item in stack.change_sets.items()
            ]
        }  # fmt: skip

    def _keep(self, stack: Stack) -> None:
        self._journal.add({"stack": stack.record()})


def _checked_name(params: Mapping[str, Any]) -> str:
    name = str(params.get("StackName", ""))
    if not _NAME.match(name):
        raise invalid(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )
    return name


def _check_capabilities(template: Template, params: Mapping[str, Any]) -> None:
    needed = template.capabilities()
    given = {str(item) for item in params.get("Capabilities") or []}
    if "CAPABILITY_NAMED_IAM" in given:
        given.add("CAPABILITY_IAM")
    if not set(needed) <= given:
        raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(needed)}]", 400)


def _described(stack: Stack) -> dict[str, Any]:
    template = read_template(stack.template)
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        **({"Description": stack.description} if stack.description else {}),
        "Parameters": shown_values(template, stack.parameters),
        "CreationTime": iso(stack.created),
        **({"LastUpdatedTime": iso(stack.updated)} if stack.updated is not None else {}),
        **({"DeletionTime": iso(stack.deleted)} if stack.deleted is not None else {}),
        "RollbackConfiguration": {},
        "StackStatus": stack.status,
        **({"StackStatusReason": stack.reason} if stack.reason else {}),
        "DisableRollback": stack.disable_rollback,
        "NotificationARNs": [],
        "Capabilities": stack.capabilities,
        "Outputs": stack.outputs,
        **({"RoleARN": stack.role} if stack.role else {}),
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
        "EnableTerminationProtection": stack.protected,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _resource(stack: Stack, name: str) -> dict[str, Any]:
    resource = stack.resources[name]
    return {
        "StackName": stack.name,
        "StackId": stack.id,
        "LogicalResourceId": name,
        "PhysicalResourceId": resource.physical,
        "ResourceType": resource.type,
        "Timestamp": iso(resource.changed),
        "ResourceStatus": resource.status,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def _changes(stack: Stack, template: Template) -> list[dict[str, Any]]:
    found = []
    for name in [*template.resources, *(name for name in stack.resources if name not in template.resources)]:
        action = "Remove" if name not in template.resources else "Modify" if name in stack.resources else "Add"
        kind = template.resources[name]["Type"] if name in template.resources else stack.resources[name].type
        change = {"Action": action, "LogicalResourceId": name, "ResourceType": kind}
        found.append({"Type": "Resource", "ResourceChange": change})
    return found


def _parameters(template: Template) -> dict[str, Any]:
    needed = template.capabilities()
    return {
        "Parameters": [
            {
                "ParameterKey": name,
                "DefaultValue": str(declared.get("Default", "")),
                "NoEcho": str(declared.get("NoEcho", False)).lower() == "true",
                "Description": str(declared.get("Description", "")),
            }
            for name, declared in template.parameters.items()
        ],
        "Description": template.description,
        "Capabilities": needed,
        **({"CapabilitiesReason": f"The following resource(s) require capabilities: {needed}"} if needed else {}),
    }


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(item)}</{key}>" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(value if isinstance(value, str) else json.dumps(value))


def _answer(operation: str, result: Any) -> HttpResponse:
    request_id = str(uuid.uuid4())
    inside = "" if result is None else f"<{operation}Result>{_xml(result)}</{operation}Result>"
    body = (
        f'<{operation}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">{inside}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return HttpResponse(200, body.encode(), [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)])
