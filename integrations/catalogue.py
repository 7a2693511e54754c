"""The catalogue: the vendor's versioned list of components, read from one YAML file.

Everything about what Rolebridge asks of a customer's account is in that file, so it is read strictly: an unknown
field, a wildcard, a misspelt action or a broad policy is an error that names the field and the line, never a default.
"""

import hashlib
import json
import re
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from integrations.aws.iam_actions import (
    UnknownConditionKey,
    UnknownIamAction,
    UnsupportedResource,
    check_condition_key,
    check_iam_action,
    check_resource,
)
from integrations.aws.service_models import InvalidCall, check_call, check_reads_one_page
from integrations.catalogue_yaml import MAX_BYTES, CatalogueError, line_of, read_yaml

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Component",
    "Permission",
    "UnknownComponent",
    "is_version",
    "load_catalogue",
    "version_numbers",
]

# Component ids that would collide with the vendor's own roles.
RESERVED_COMPONENT_IDS = frozenset(
    {"canary", "forger", "integration", "open-door", "stand-in", "trust-test", "untagged", "worker"}
)
MAX_PROBLEMS = 50  # shown at once

_VERSION = re.compile(r"^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})$")
Version = Annotated[str, Field(pattern=_VERSION.pattern)]
# Goes into descriptions of roles, where IAM takes Latin-1 only.
ShownName = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[ -~\u00a1-\u00ff]+$")]

_ACTION = re.compile(r"^[a-z0-9-]+:[A-Z][A-Za-z0-9]*$")
# What stands for the customer's account, in the account of an ARN and in the values of conditions.
ACCOUNT = "{account}"
# Partition and account are filled in when a policy is rendered, so the catalogue writes every ARN with `aws`.
_RESOURCE = re.compile(r"^(\*|arn:aws:[a-z0-9-]+:[a-z0-9*-]*:(\d{12}|\*|\{account\})?:[^\s{}]+)$")
_PLACEHOLDER = re.compile(r"(?<!\$)\{[^{}]*\}")  # not `${…}`, which is a variable of IAM's
# "IAM JSON policy elements: Condition operators" in the IAM user guide.
_OPERATOR = re.compile(
    r"(?:ForAllValues:|ForAnyValue:)?(?:(?:String(?:Not)?Equals(?:IgnoreCase)?|String(?:Not)?Like|Bool|BinaryEquals"
    r"|(?:Numeric|Date)(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)|(?:Not)?IpAddress|Arn(?:Not)?(?:Equals|Like))"
    r"(?:IfExists)?|Null)"
)
_READ_ONLY_OPERATION = re.compile(r"^(describe|get|list|lookup|search|batch_get)_[a-z0-9_]+$")


def is_version(text: str) -> bool:
    """Whether `text` is a semantic version as the catalogue writes them, such as 1.0.0."""
    return _VERSION.fullmatch(text) is not None


def version_numbers(version: str) -> tuple[int, int, int]:
    """A version as numbers that can be compared; ValueError where it is none."""
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)


class UnknownComponent(KeyError):
    """The catalogue has no component of that id."""

    def __init__(self, component_id: str) -> None:
        super().__init__(component_id)
        self.component_id = component_id

    def __str__(self) -> str:
        return f"The catalogue has no component '{self.component_id}'."


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class ProductTag(_Entry):
    """The tag that marks the vendor's component roles and the customer roles as belonging to this product."""

    key: str = Field(pattern=r"^[A-Za-z0-9_.:/=+@-]{1,128}$")
    value: str = Field(pattern=r"^[A-Za-z0-9_.:/=+@-]{1,256}$")

    @field_validator("key")
    @classmethod
    def _key_is_free(cls, key: str) -> str:
        if key.lower().startswith("aws:"):
            raise ValueError("AWS reserves tag keys that begin with 'aws:'")
        if key.lower() in {"purpose", "component", "connection", "tenant", "externalid"}:
            raise ValueError(f"'{key}' is the key of one of Rolebridge's own session tags")
        return key


class Probe(_Entry):
    """One read-only call that proves a permission.

    `service` and `operation` are boto3's names. `allowed_errors` are error codes that AWS can only answer after it
    has authorised the call, and which therefore prove the permission just as well as an answer does.
    """

    service: str = Field(pattern=r"^[a-z0-9-]+$")
    operation: str
    parameters: dict[str, Any] = {}
    allowed_errors: tuple[str, ...] = ()

    @field_validator("operation")
    @classmethod
    def _reads_only(cls, operation: str) -> str:
        if not _READ_ONLY_OPERATION.match(operation):
            raise ValueError(f"'{operation}' is not a read-only call (describe_, get_, list_, lookup_, search_)")
        return operation

    @field_validator("allowed_errors")
    @classmethod
    def _never_a_refusal(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        for code in codes:
            if re.search(r"denied|unauthori|forbidden|auth|token|throttl|optin", code, re.IGNORECASE):
                raise ValueError(f"'{code}' is a refusal; it cannot prove that a call was authorised")
        return codes

    @field_validator("parameters")
    @classmethod
    def _are_plain(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        if not _is_plain(parameters):
            raise ValueError("parameters are texts, numbers, true, false, lists and mappings; put a date in quotes")
        return parameters

    @model_validator(mode="after")
    def _can_be_made(self) -> "Probe":
        try:
            check_call(self.service, self.operation, self.parameters)
            check_reads_one_page(self.service, self.operation, self.parameters)
        except InvalidCall as error:
            raise ValueError(str(error)) from None
        return self


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(_is_plain(inner) for inner in value)
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))


def check_action(action: str) -> str:
    """`action`, if it is one IAM action by its full name; ValueError otherwise."""
    if "*" in action or "?" in action:
        raise ValueError(f"'{action}' has a wildcard; list every action by its name")
    if not _ACTION.match(action):
        raise ValueError(f"'{action}' is not written as 'service:Action'")
    try:
        check_iam_action(action)
    except UnknownIamAction as error:
        raise ValueError(str(error)) from None
    return action


class Permission(_Entry):
    """One IAM action that a component needs, and why.

    `since` is the version of the component that first had it as it stands; without it, the first version did. For a
    role that was made for an older version it is not applicable yet, and no fault.
    """

    action: str
    reason: str = Field(min_length=20, max_length=300)
    needed_for: str = Field(default="", max_length=120)  # what of the product stops without it
    resources: tuple[str, ...] = Field(default=("*",), min_length=1, max_length=100)
    conditions: dict[str, dict[str, str | tuple[str, ...]]] = Field(default={}, max_length=20)
    sees_customer_data: bool
    probe: Probe | None = None
    since: Version | None = None

    _exists = field_validator("action")(check_action)

    def is_newer_than(self, version: str) -> bool:
        """Whether a role made for `version` of the component was made without it; False where that is not known."""
        if self.since is None or not is_version(version):
            return False
        return version_numbers(self.since) > version_numbers(version)

    @field_validator("resources")
    @classmethod
    def _are_arns(cls, resources: tuple[str, ...]) -> tuple[str, ...]:
        for resource in resources:
            if resource.startswith("arn:aws:iam::aws:policy/"):
                raise ValueError(f"'{resource}' is a policy managed by AWS; list the actions instead")
            if not _RESOURCE.match(resource):
                raise ValueError(f"'{resource}' is neither '*' nor an ARN that begins with 'arn:aws:'")
        return resources

    @model_validator(mode="after")
    def _works_on_its_resources(self) -> "Permission":
        for resource in self.resources:
            try:
                check_resource(self.action, resource)
            except UnsupportedResource as error:
                raise ValueError(str(error)) from None
        return self

    @model_validator(mode="after")
    def _conditions_can_hold(self) -> "Permission":
        for operator, keys in self.conditions.items():
            if not _OPERATOR.fullmatch(operator):
                raise ValueError(f"IAM has no condition operator '{operator}'")
            if not keys:
                raise ValueError(f"the condition operator '{operator}' has no key")
            for key, values in keys.items():
                for value in (values,) if isinstance(values, str) else values:
                    if any(found != ACCOUNT for found in _PLACEHOLDER.findall(value)):
                        raise ValueError(f"'{value}': of what stands in braces, {ACCOUNT} alone is filled in")
                try:
                    check_condition_key(self.action, key)
                except UnknownConditionKey as error:
                    raise ValueError(str(error)) from None
        return self


class NeverGranted(_Entry):
    """One IAM action that the component must not have, tried in every verification to see that it is denied.

    Without a probe, as for an action that writes, it is simulated where the role may read itself.
    """

    action: str
    reason: str = Field(min_length=20, max_length=300)
    probe: Probe | None = None

    _exists = field_validator("action")(check_action)


class Component(_Entry):
    """A part of the vendor's product that needs its own access to a customer's account."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$", min_length=2, max_length=36)
    version: Version
    name: ShownName
    summary: str = Field(min_length=1, max_length=200)
    permissions: tuple[Permission, ...] = Field(min_length=1, max_length=1000)
    never_granted: tuple[NeverGranted, ...] = Field(default=(), max_length=100)

    @property
    def sees_customer_data(self) -> bool:
        """Whether one of its permissions can see more than settings, names and figures."""
        return any(permission.sees_customer_data for permission in self.permissions)

    @field_validator("id")
    @classmethod
    def _is_free(cls, component_id: str) -> str:
        if component_id in RESERVED_COMPONENT_IDS:
            raise ValueError(f"'{component_id}' is the name of one of the vendor's own roles")
        return component_id

    def what_stops_without(self, permission: Permission) -> str:
        """The feature of the product that stops without one of its permissions: the whole component, unless it says."""
        return permission.needed_for or self.name

    @model_validator(mode="after")
    def _actions_are_unique(self) -> "Component":
        needed = [permission.action for permission in self.permissions]
        _refuse_repeated("action", [*needed, *(entry.action for entry in self.never_granted)])
        return self

    @model_validator(mode="after")
    def _nothing_is_newer_than_it(self) -> "Component":
        for permission in self.permissions:
            if permission.is_newer_than(self.version):
                raise ValueError(
                    f"'{permission.action}' is there since {permission.since}, but the component is only at "
                    f"{self.version}: raise its version"
                )
        return self


class Catalogue(_Entry):
    """All components of the product, and how the vendor reaches customer roles (`chain`, see docs/architecture)."""

    version: Version
    chain: Literal["direct", "chained", "abac"] = "abac"
    product_name: ShownName
    product_tag: ProductTag
    components: tuple[Component, ...] = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _components_are_unique(self) -> "Catalogue":
        _refuse_repeated("component id", [component.id for component in self.components])
        return self

    @cached_property
    def sha256(self) -> str:
        """Of what it says, in hex: comments and the order of fields do not count."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def component(self, component_id: str) -> Component:
        """The component of that id; UnknownComponent if there is none."""
        for component in self.components:
            if component.id == component_id:
                return component
        raise UnknownComponent(component_id)

    def name_of(self, component_id: str) -> str:
        """What people call the component; its id where the catalogue has it no more."""
        return self.component(component_id).name if self.offers(component_id) else component_id

    def offers(self, component_id: str) -> bool:
        """Whether it has that component: a customer role outlives the catalogue that it was made from."""
        return any(component.id == component_id for component in self.components)


def load_catalogue(path: str | Path) -> Catalogue:
    """Read and check the catalogue at `path`; CatalogueError names every field at fault with its line."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # no more, whatever it is; the rest is refused for its length
    except OSError as error:
        raise CatalogueError(f"{path.name} cannot be read: {error}. CATALOGUE_FILE says where it is.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CatalogueError(f"{path.name}, line {line}: this is not UTF-8. Save the file as UTF-8.") from None
    return parse_catalogue(text, source=path.name)


def catalogue_schema() -> dict[str, Any]:
    """The JSON schema of a catalogue file, for editors; what it cannot say is checked when the file is loaded."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rolebridge catalogue",
        **{key: value for key, value in Catalogue.model_json_schema().items() if key != "title"},
    }


def parse_catalogue(text: str, source: str = "catalogue") -> Catalogue:
    """Check the catalogue in `text`; `source` names it in errors. CatalogueError as load_catalogue."""
    root, data = read_yaml(text, source)
    try:
        return Catalogue.model_validate(data)
    except ValidationError as error:
        problems = [
            f"{source}, line {line_of(root, detail['loc'])}, {_field_name(detail['loc'])}: {_message(detail)}"
            for detail in _root_causes(error)[:MAX_PROBLEMS]
        ]
        raise CatalogueError("\n".join(problems)) from None


def _root_causes(error: ValidationError) -> list[ErrorDetails]:
    """pydantic also calls a list empty whose entries are all at fault; only the entries' own errors help."""
    details = error.errors(include_url=False, include_context=False)
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(other["loc"][: len(detail["loc"])] == detail["loc"] and other is not detail for other in details)
    ]


def _refuse_repeated(what: str, values: list[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} '{value}' is listed twice; remove one of the two")
        seen.add(value)


def _field_name(location: tuple[int | str, ...]) -> str:
    name = ""
    for step in location:
        name += f"[{step}]" if isinstance(step, int) else f".{step}"
    return _on_one_line(name.lstrip(".")[:200]) or "the file"


# What pydantic's own messages leave open: what to do.
_WHAT_TO_DO = {
    "missing": "this field is missing; add it",
    "extra_forbidden": "there is no such field here; remove it, or look for a misspelling",
    "string_type": "this must be a text; put it in quotes",
    "bool_type": "this must be true or false",
    "bool_parsing": "this must be true or false",
    "tuple_type": "this must be a list",
    "model_type": "this must be a mapping of fields",
    "model_attributes_type": "this must be a mapping of fields",
    "dict_type": "this must be a mapping of fields",
}


def _message(detail: ErrorDetails) -> str:
    return _WHAT_TO_DO.get(detail["type"]) or _on_one_line(detail["msg"].removeprefix("Value error, "))


def _on_one_line(text: str) -> str:
    """So that a value out of the file cannot look like a further line of a log."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
