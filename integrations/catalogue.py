"""The catalogue: the vendor's versioned list of components, read from one YAML file.

Everything about what Rolebridge asks of a customer's account is in that file, so it is read strictly: an unknown
field, a wildcard, a misspelt action or a broad policy is an error that names the field and the line, never a default.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from integrations.aws.service_models import InvalidCall, UnknownIamAction, check_call, check_iam_action

# Component ids that would collide with the vendor's own roles.
RESERVED_COMPONENT_IDS = frozenset({"canary", "integration", "trust-test", "worker"})

Version = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]
# Goes into descriptions of roles, where IAM takes Latin-1 only.
ShownName = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[ -~\u00a1-\u00ff]+$")]

_ACTION = re.compile(r"^[a-z0-9-]+:[A-Z][A-Za-z0-9]*$")
# Partitions are filled in when a policy is rendered, so the catalogue writes every ARN with `aws`.
_RESOURCE = re.compile(r"^(\*|arn:aws:[a-z0-9-]+:[a-z0-9*-]*:(\d{12}|\*)?:[^\s]+)$")
_READ_ONLY_OPERATION = re.compile(r"^(describe|get|list|lookup|search|batch_get)_[a-z0-9_]+$")


class CatalogueError(Exception):
    """The catalogue file cannot be used; the message names each field at fault and its line."""


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

    @model_validator(mode="after")
    def _can_be_made(self) -> "Probe":
        try:
            check_call(self.service, self.operation, self.parameters)
        except InvalidCall as error:
            raise ValueError(str(error)) from None
        return self


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
    """One IAM action that a component needs, and why."""

    action: str
    reason: str = Field(min_length=20, max_length=300)
    needed_for: str = Field(default="", max_length=120)  # what of the product stops without it
    resources: tuple[str, ...] = Field(default=("*",), min_length=1)
    conditions: dict[str, dict[str, str | tuple[str, ...]]] = {}
    sees_customer_data: bool
    probe: Probe | None = None

    _exists = field_validator("action")(check_action)

    @field_validator("resources")
    @classmethod
    def _are_arns(cls, resources: tuple[str, ...]) -> tuple[str, ...]:
        for resource in resources:
            if resource.startswith("arn:aws:iam::aws:policy/"):
                raise ValueError(f"'{resource}' is a policy managed by AWS; list the actions instead")
            if not _RESOURCE.match(resource):
                raise ValueError(f"'{resource}' is neither '*' nor an ARN that begins with 'arn:aws:'")
        return resources


class NeverGranted(_Entry):
    """One IAM action that the component must not have, tried in every verification to see that it is denied."""

    action: str
    reason: str = Field(min_length=20, max_length=300)
    probe: Probe

    _exists = field_validator("action")(check_action)


class Component(_Entry):
    """A part of the vendor's product that needs its own access to a customer's account."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$", min_length=2, max_length=36)
    version: Version
    name: ShownName
    summary: str = Field(min_length=1, max_length=200)
    permissions: tuple[Permission, ...] = Field(min_length=1)
    never_granted: tuple[NeverGranted, ...] = ()

    @field_validator("id")
    @classmethod
    def _is_free(cls, component_id: str) -> str:
        if component_id in RESERVED_COMPONENT_IDS:
            raise ValueError(f"'{component_id}' is the name of one of the vendor's own roles")
        return component_id

    @model_validator(mode="after")
    def _actions_are_unique(self) -> "Component":
        needed = [permission.action for permission in self.permissions]
        _refuse_repeated("action", [*needed, *(entry.action for entry in self.never_granted)])
        return self


class Catalogue(_Entry):
    """All components of the product, and how the vendor reaches customer roles (`chain`, see docs/architecture)."""

    version: Version
    chain: Literal["direct", "chained", "abac"] = "abac"
    product_name: ShownName
    product_tag: ProductTag
    components: tuple[Component, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _components_are_unique(self) -> "Catalogue":
        _refuse_repeated("component id", [component.id for component in self.components])
        return self

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
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path.name} cannot be read: {error}") from error
    return parse_catalogue(text, source=path.name)


def parse_catalogue(text: str, source: str = "catalogue") -> Catalogue:
    """Check the catalogue in `text`; `source` names it in errors."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise CatalogueError(f"{source} is empty.")
        _refuse_repeated_keys(root, source)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CatalogueError(f"{source} is not valid YAML: {error}") from error
    try:
        return Catalogue.model_validate(data)
    except ValidationError as error:
        problems = [
            f"{source}, line {_line_of(root, detail['loc'])}, {_field_name(detail['loc'])}: {_message(detail['msg'])}"
            for detail in _root_causes(error)
        ]
        raise CatalogueError("\n".join(problems)) from None


def _root_causes(error: ValidationError) -> list[ErrorDetails]:
    """pydantic also calls a list empty whose entries are all at fault; only the entries' own errors help."""
    details = error.errors()
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
            raise ValueError(f"{what} '{value}' is listed twice")
        seen.add(value)


def _refuse_repeated_keys(root: yaml.Node, source: str) -> None:
    """PyYAML keeps the last of two equal keys in silence; a catalogue must not lose a line that way."""
    for node in _nodes(root):
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise CatalogueError(f"{source}, line {key.start_mark.line + 1}: '{key.value}' is given twice.")
            seen.add(key.value)


def _nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    yield node
    if isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _nodes(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _nodes(value)


def _line_of(root: yaml.Node, location: tuple[int | str, ...]) -> int:
    """The line of the deepest part of `location` that the file holds; of its parent where the field is missing."""
    node = root
    line = root.start_mark.line
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def _field_name(location: tuple[int | str, ...]) -> str:
    name = ""
    for step in location:
        name += f"[{step}]" if isinstance(step, int) else f".{step}"
    return name.lstrip(".") or "the file"


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")
