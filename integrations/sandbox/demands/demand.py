"""One permission that a call needs."""

from dataclasses import dataclass, field

from integrations.sandbox.context import Keys


@dataclass(frozen=True)
class Demand:
    """An action on a resource with its condition keys; `otherwise` is an action that will do as well."""

    action: str
    resource: str
    keys: Keys = field(default_factory=dict)
    otherwise: str | None = None
