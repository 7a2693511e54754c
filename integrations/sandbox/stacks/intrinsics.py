"""Intrinsic functions and conditions. Source: CloudFormation user guide, "Intrinsic function reference"."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from integrations.sandbox.stacks.template import Template, invalid, sub_names

NO_VALUE = object()
"""What `AWS::NoValue` resolves to: the property is left out."""


class Resolver:
    """Resolves a template's values for one stack."""

    def __init__(
        self,
        template: Template,
        parameters: Mapping[str, str],
        pseudo: Mapping[str, Any],
        *,
        reference: Callable[[str], Any],
        attribute: Callable[[str, str], Any],
    ) -> None:
        """`reference` gives a resource's Ref, `attribute` its GetAtt; both raise AwsError for what is not there."""
        self._template = template
        self._parameters = parameters
        self._pseudo = pseudo
        self._reference = reference
        self._attribute = attribute
        self._conditions: dict[str, bool] = {}

    def value(self, item: Any) -> Any:
        """Resolve a value of any shape."""
        if isinstance(item, list):
            return [resolved for part in item if (resolved := self.value(part)) is not NO_VALUE]
        if not isinstance(item, dict):
            return item
        if len(item) == 1:
            name, argument = next(iter(item.items()))
            if name == "Ref":
                return self._ref(str(argument))
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            function = self._functions().get(str(name))
            if function is not None:
                return function(argument)
            if str(name).startswith("Fn::"):
                raise invalid(f"Template error: {name} is not in the sandbox.")
        return {key: resolved for key, part in item.items() if (resolved := self.value(part)) is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Tell whether a condition of the template holds."""
        if name not in self._template.conditions:
            raise invalid(f"Template error: unresolved condition dependency {name}")
        if name not in self._conditions:
            self._conditions[name] = bool(self.value(self._template.conditions[name]))
        return self._conditions[name]

    def _functions(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::Equals": lambda items: self.value(items[0]) == self.value(items[1]),
            "Fn::And": lambda items: all(self.value(item) for item in items),
            "Fn::Or": lambda items: any(self.value(item) for item in items),
            "Fn::Not": lambda items: not self.value(items[0]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": lambda item: base64.b64encode(str(self.value(item)).encode()).decode(),
        }

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            kind = str(self._template.parameters[name].get("Type", "String"))
            value = self._parameters[name]
            if kind.startswith(("List<", "CommaDelimited")):
                return [part.strip() for part in value.split(",")] if value else []
            return value
        return self._reference(name)

    def _get_att(self, argument: Any) -> Any:
        parts = argument if isinstance(argument, list) else str(argument).split(".", 1)
        return self._attribute(str(parts[0]), str(self.value(parts[1])))

    def _sub(self, argument: Any) -> str:
        text, local = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
        text = str(text)
        for name in sub_names(text):
            if name in local:
                value = self.value(local[name])
            elif "." in name and name not in self._parameters:
                value = self._attribute(*name.split(".", 1))
            else:
                value = self._ref(name)
            text = text.replace("${" + name + "}", _as_text(value))
        return text.replace("${!", "${")

    def _join(self, argument: Any) -> str:
        return str(argument[0]).join(_as_text(item) for item in self.value(argument[1]))

    def _select(self, argument: Any) -> Any:
        items, index = self.value(argument[1]), int(self.value(argument[0]))
        if not 0 <= index < len(items):
            raise invalid(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
        return items[index]

    def _split(self, argument: Any) -> list[str]:
        return str(self.value(argument[1])).split(str(argument[0]))

    def _if(self, argument: Any) -> Any:
        return self.value(argument[1] if self.condition(str(argument[0])) else argument[2])

    def _find_in_map(self, argument: Any) -> Any:
        found: Any = self._template.mappings
        for part in argument[:3]:
            key = self.value(part)
            if not isinstance(found, dict) or key not in found:
                raise invalid(f"Template error: Unable to get mapping for {'::'.join(str(item) for item in argument)}")
            found = found[key]
        return found


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
