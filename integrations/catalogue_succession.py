"""Whether one catalogue may follow another: customers deployed roles from the old one and were told what it says.

What takes a permission away or gives the product more needs a new major version of the component, so that nobody is
surprised by it; what adds an action that sees no customer data needs a minor one; any other difference a higher one.
"""

import re
from collections.abc import Iterator

from integrations.catalogue import Catalogue, CatalogueError, Component, Permission, version_numbers


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
    if major and version_numbers(new.version)[0] <= version_numbers(before.version)[0]:
        wanted = f"{version_numbers(before.version)[0] + 1}.0.0"
        yield (
            f"{where} {before.version} → {new.version}: {'; '.join(major)}. Removing or widening permissions needs a "
            f"new major version: make it {wanted}, or take the change back."
        )
    elif minor and version_numbers(new.version)[:2] <= version_numbers(before.version)[:2]:
        wanted = f"{version_numbers(before.version)[0]}.{version_numbers(before.version)[1] + 1}.0"
        yield f"{where} {before.version} → {new.version}: {'; '.join(minor)}. Make it version {wanted}."
    elif before != new and version_numbers(new.version) <= version_numbers(before.version):
        yield (
            f"{where} says something else than version {before.version} did, and calls itself {new.version}. Give it a "
            "higher version."
        )
    yield from _since_problems(where, before, new)


def _since_problems(where: str, before: Component, new: Component) -> Iterator[str]:
    """By `since` a role of an older version is told from one that lost a permission."""
    old = {permission.action: permission for permission in before.permissions}
    for permission in new.permissions:
        known = old.get(permission.action)
        if known is not None and (reach(known) == reach(permission) or is_narrower(known, permission)):
            continue
        if not permission.is_newer_than(before.version):
            yield (
                f"{where}: {permission.action} is {'wider' if known else 'new'} in version {new.version}. Write "
                f"`since: {new.version}` there, so that roles which were made before it are not taken for faulty."
            )


def _catalogue_problems(old: Catalogue, new: Catalogue) -> Iterator[str]:
    if old.sha256 == new.sha256:
        return
    major = [f"component '{component.id}' is gone" for component in old.components if not new.offers(component.id)]
    if old.product_tag != new.product_tag:
        major.append("product_tag is another")
    if (old.chain == "direct") != (new.chain == "direct"):
        major.append(f"chain goes from {old.chain} to {new.chain}, so customers have to trust another role")
    if major and version_numbers(new.version)[0] <= version_numbers(old.version)[0]:
        yield (
            f"version {old.version} → {new.version}: {'; '.join(major)}. Every customer has to act: make the "
            f"catalogue's version {version_numbers(old.version)[0] + 1}.0.0, or take the change back."
        )
    elif version_numbers(new.version) <= version_numbers(old.version):
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
        if reach(permission) != reach(before[action]):
            if is_narrower(before[action], permission):
                minor.append(f"{action} is narrowed")
            else:
                major.append(f"{action} reaches other resources, or under other conditions")
    return major, minor


def reach(permission: Permission) -> object:
    """On what, and under which conditions, the action is allowed: to be compared with that of another version."""
    return sorted(permission.resources), _conditions(permission)


def is_narrower(old: Permission, new: Permission) -> bool:
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
