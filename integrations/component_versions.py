"""What a newer version of a component asks of a customer role, in words and as plain values. Pure."""

from collections import Counter
from dataclasses import dataclass

from integrations.aws.iam_actions import access_level
from integrations.catalogue import Component, Permission, version_numbers
from integrations.catalogue_succession import is_narrower, reach

MOST_NAMED = 3


@dataclass(frozen=True)
class VersionDifference:
    """From the version a role was made for to the one of the catalogue. `narrowed` and `widened` hold actions."""

    component: Component
    deployed_version: str
    added: tuple[Permission, ...] = ()
    removed: tuple[str, ...] = ()
    narrowed: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether a role of the older version has just what the newer one asks for."""
        return not (self.added or self.removed or self.narrowed or self.widened)

    @property
    def is_major(self) -> bool:
        """Whether it removes or widens: the customer was promised that only a new major version does."""
        return version_numbers(self.component.version)[0] > version_numbers(self.deployed_version)[0]

    @property
    def sees_customer_data(self) -> bool:
        """Whether an action that is added can see data of the customer's."""
        return any(permission.sees_customer_data for permission in self.added)

    @property
    def words(self) -> str:
        """What changes, as the end of a sentence that begins with the newer version; such as "adds 2 list actions for
        Unattached disks and Forgotten snapshots".
        """
        parts = []
        if self.added:
            levels = Counter(access_level(permission.action).lower() for permission in self.added)
            counted = [f"{number} {level} action{'s' if number > 1 else ''}" for level, number in levels.items()]
            features = dict.fromkeys(self.component.what_stops_without(permission) for permission in self.added)
            parts.append(f"adds {_joined(counted)} for {_joined(list(features))}")
        for verb, actions in (
            ("no longer asks for", self.removed),
            ("narrows", self.narrowed),
            ("widens", self.widened),
        ):
            if actions:
                parts.append(f"{verb} {_joined(list(actions))}")
        return "; ".join(parts)


def difference(deployed: Component | None, current: Component, deployed_version: str) -> VersionDifference:
    """From `deployed_version` to `current`.

    `deployed` is the component as it was released then; where it is known no more, `since` of the permissions says
    what is new, and nothing is said of what was removed or changed.
    """
    if deployed is None:
        added = tuple(permission for permission in current.permissions if permission.is_newer_than(deployed_version))
        return VersionDifference(current, deployed_version, added=added)
    before = {permission.action: permission for permission in deployed.permissions}
    after = {permission.action: permission for permission in current.permissions}
    changed = [
        permission
        for action, permission in after.items()
        if action in before and reach(permission) != reach(before[action])
    ]
    return VersionDifference(
        current,
        deployed_version,
        added=tuple(permission for action, permission in after.items() if action not in before),
        removed=tuple(action for action in before if action not in after),
        narrowed=tuple(one.action for one in changed if is_narrower(before[one.action], one)),
        widened=tuple(one.action for one in changed if not is_narrower(before[one.action], one)),
    )


def _joined(words: list[str]) -> str:
    """The words as a list of a sentence, the first few by name."""
    named = words if len(words) <= MOST_NAMED + 1 else [*words[:MOST_NAMED], f"{len(words) - MOST_NAMED} more"]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
