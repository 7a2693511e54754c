"""Whether one catalogue may follow another: customers deployed roles from the old one and were told what it says.

What takes a permission away or gives the product more needs a new major version of the component, so that nobody is
surprised by it; what adds an action that sees no customer data needs a minor one; any other difference a higher one.
"""

import re
from collections.abc import Iterator

from integrations.catalogue import Catalogue, CatalogueError, Component, Permission

Version = tuple[int, int, int]


def check_succession(old: Catalogue, new: Catalogue) -> None:
    """Raise CatalogueError, a line per problem, if `new` must not follow `old`. Pure."""
    problems = [problem for component in new.components for problem in _component_problems(old, component)]
    problems += _catalogue_problems(old, new)
    if problems:
        raise CatalogueError("\n".join(problems))


def _component_problems(old: Catalogue, new: Component) -> Iterator[str]:
    if not old.offers(new.id):
        return
    before = old.component(new.id)
    major, minor = _differences(before, new)
    where = f"component '{new.id}'"
    if major and _number(new.version)[0] <= _number(before.version)[0]:
        wanted = f"{_number(before.version)[0] + 1}.0.0"
        yield (
            f"{where} {before.version} → {new.version}: {'; '.join(major)}. Removing or widening permissions needs a "
            f"new major version: make it {wanted}, or take the change back."
        )
    elif minor and _number(new.version)[:2] <= _number(before.version)[:2]:
        wanted = f"{_number(before.version)[0]}.{_number(before.version)[1] + 1}.0"
        yield f"{where} {before.version} → {new.version}: {'; '.join(minor)}. Make it version {wanted}."
    elif before != new and _number(new.version) <= _number(before.version):
        yield (
            f"{where} says something else than version {before.version} did, and calls itself {new.version}. Give it a "
            "higher version."
        )


def _catalogue_problems(old: Catalogue, new: Catalogue) -> Iterator[str]:
    if old.sha256 == new.sha256:
        return
    major = [f"component '{component.id}' is gone" for component in old.components if not new.offers(component.id)]
    if old.product_tag != new.product_tag:
        major.append("product_tag is another")
    if (old.chain == "direct") != (new.chain == "direct"):
        major.append(f"chain goes from {old.chain} to {new.chain}, so customers have to trust another role")
    if major and _number(new.version)[0] <= _number(old.version)[0]:
        yield (
            f"version {old.version} → {new.version}: {'; '.join(major)}. Every customer has to act: make the "
            f"catalogue's version {_number(old.version)[0] + 1}.0.0, or take the change back."
        )
    elif _number(new.version) <= _number(old.version):
        yield (
            f"version {new.version}: the catalogue says something else than version {old.version} did. Give it a "
            "higher version."
        )


def _differences(old: Component, new: Component) -> tuple[list[str], list[str]]:
    """What needs a major version, and what a minor one."""
    before = {permission.action: permission for permission in old.permissions}
    after = {permission.action: permission for permission in new.permissions}
    promised = {entry.action for entry in old.never_granted}
    major = [f"{action} is removed" for action in before if action not in after]
    minor = []
    for action, permission in after.items():
        if action not in before:
            if action in promised:
                major.append(f"{action} is added, which was never to be granted")
            elif permission.sees_customer_data:
                major.append(f"{action} is added, which sees customer data")
            else:
                minor.append(f"{action} is added")
            continue
        if permission.sees_customer_data and not before[action].sees_customer_data:
            major.append(f"{action} sees customer data now")
        if _reach(permission) != _reach(before[action]):
            if _narrower(before[action], permission):
                minor.append(f"{action} is narrowed")
            else:
                major.append(f"{action} reaches other resources, or under other conditions")
    return major, minor


def _reach(permission: Permission) -> object:
    return sorted(permission.resources), _conditions(permission)


def _narrower(old: Permission, new: Permission) -> bool:
    """Whether every resource was covered before, and every condition that held before still holds."""
    covered = all(any(_covers(pattern, resource) for pattern in old.resources) for resource in new.resources)
    return covered and _conditions(old).items() <= _conditions(new).items()


def _conditions(permission: Permission) -> dict[tuple[str, str], tuple[str, ...]]:
    return {
        (operator, key.lower()): (values,) if isinstance(values, str) else tuple(sorted(values))
        for operator, keys in permission.conditions.items()
        for key, values in keys.items()
    }


def _covers(pattern: str, resource: str) -> bool:
    """Whether all that `resource` matches is matched by `pattern`: a `*` of the pattern takes wildcards in, too."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "[^*]")
    return re.fullmatch(expression, resource) is not None


def _number(version: str) -> Version:
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)
