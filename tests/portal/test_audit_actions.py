"""Every action writes an audit event, and every event has its name on the one list."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from portal.local.services import ROOT
from tenants import audit
from tenants.audit import SYSTEM
from tenants.audit_actions import AuditAction
from tenants.scope import tenant_scope

APPS = ("tenants", "integrations")
Function = ast.FunctionDef


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (f"{app}.actions.{file.stem}", ast.parse(file.read_text()))
        for app in APPS
        for file in sorted((ROOT / app / "actions").glob("*.py"))
    )


@cache
def functions() -> dict[str, Function]:
    """Every function of every actions module, by its bare name; the names of public ones are unique."""
    return {node.name: node for _, module in modules() for node in module.body if isinstance(node, Function)}


@cache
def actions() -> dict[str, Function]:
    """The public functions that take who acts: those are the writes that a customer must be able to see."""
    return {
        f"{name}.{node.name}": node
        for name, module in modules()
        for node in module.body
        if isinstance(node, Function)
        and not node.name.startswith("_")
        and any(argument.arg == "by" for argument in node.args.kwonlyargs)
    }


def called(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call):
            yield ast.unparse(inner.func)


def writes(node: Function, known: dict[str, Function], seen: frozenset[str] = frozenset()) -> bool:
    """Whether it calls audit.record, itself or through other functions of the actions."""
    names = set(called(node))
    if "audit.record" in names:
        return True
    inner = {name.rpartition(".")[2] for name in names} & known.keys() - seen - {node.name}
    return any(writes(known[name], known, seen | {node.name}) for name in inner)


@pytest.mark.parametrize("name", actions())
def test_an_action_writes_an_event(name) -> None:
    assert writes(actions()[name], functions()), f"{name} takes who acts and writes no audit event"


def test_the_walk_sees_actions_and_what_writes_nothing() -> None:
    parsed = ast.parse("def quiet(*, by): helper()\ndef helper(): pass").body
    silent = [node for node in parsed if isinstance(node, Function)]

    assert len(actions()) > 15
    assert not writes(silent[0], {node.name: node for node in silent})


def recorded() -> Iterator[tuple[str, str]]:
    """Every text in the actions that has the form of a name."""
    for name, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ":" in node.value:
                subject, _, what = node.value.partition(":")
                if subject.isidentifier() and what.isidentifier():
                    yield name, node.value


def test_every_name_that_is_written_is_on_the_list() -> None:
    unknown = {(module, name) for module, name in recorded() if name not in AuditAction.values}

    assert unknown == set()


def test_every_name_on_the_list_is_written_somewhere() -> None:
    text = "\n".join(
        file.read_text() for app in APPS for file in Path(ROOT / app).rglob("*.py") if file.name != "audit_actions.py"
    )
    made_of_parts = {"customer_role", "verification"}  # f"customer_role:{what}", f"verification:{state}"

    unused = [
        value
        for value in AuditAction.values
        if f'"{value}"' not in text and value.partition(":")[0] not in made_of_parts
    ]

    assert unused == []


def test_a_name_on_no_list_is_refused(cast) -> None:
    with tenant_scope(cast.tenant.pk), pytest.raises(ValueError, match="not a valid AuditAction"):
        audit.record("tenant:painted", by=SYSTEM, tenant_id=cast.tenant.pk, target=cast.tenant)
