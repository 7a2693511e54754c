"""docs/reference/findings.md names every check and every cause that the code can give, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.findings_reference import rows_under

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    *(ROOT / "integrations/aws").rglob("*.py"),
    ROOT / "integrations/actions/role_statuses.py",
]
# Where a call takes its cause, by the function's name.
POSITION_OF_CAUSE = {"Verdict": 1, "skipped": 1, "TrustProblem": 0, "_too_wide": 0, "_opened": 0}
TAKES_CAUSE = {"passed", "replace", "create"}
# Causes that are carried on from where one of the above was read.
CARRIED_ON = {"cause", "failure.cause", "problem.cause", "verdict.cause"}
CHECK = re.compile(r"[a-z_]+(\.[a-z_]+)?")


def literals(node: ast.expr) -> Iterator[str]:
    """The strings that an expression can be; fails on what it cannot follow."""
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, str)
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    else:
        assert ast.unparse(node) in CARRIED_ON, f"a cause that nobody can read here: {ast.unparse(node)}"


def causes_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            # `findings.skipped` only hands on what a run's own `skipped` was given.
            position = None if ast.unparse(node.func) == "findings.skipped" else POSITION_OF_CAUSE.get(name)
            if position is not None and len(node.args) > position:
                yield from literals(node.args[position])
            for keyword in node.keywords if name in TAKES_CAUSE else ():
                if keyword.arg == "cause":
                    yield from literals(keyword.value)
        elif isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["cause"]:
            yield from literals(node.value)
        elif isinstance(node, ast.AnnAssign | ast.Assign) and "_CONTEXT_ACTIONS" in ast.unparse(node).split(" =")[0]:
            assert isinstance(node.value, ast.Dict)
            for value in node.value.values:
                yield from literals(value)


def causes_of_the_code() -> set[str]:
    found = {"allowed"}  # what `findings.passed` says unless it is told otherwise
    for source in SOURCES:
        found |= set(causes_in(ast.parse(source.read_text(encoding="utf-8"))))
    return found


def checks_of_the_code() -> set[str]:
    found = {"vendor.identity", "account.confirmed"}
    for source in (ROOT / "integrations/aws/checks").glob("*.py"):
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                name, value = ast.unparse(node.targets[0]), node.value.value
                if isinstance(value, str) and not name.startswith("_") and CHECK.fullmatch(value):
                    found.add(value)
    return found


def named_in(heading: str) -> list[str]:
    """The codes in the first column of the table under a heading of the reference."""
    return [code for code, _ in rows_under(heading)]


def test_every_check_is_named_once_and_no_other():
    named = named_in("Checks")

    assert len(named) == len(set(named))
    assert set(named) == checks_of_the_code()


def test_every_cause_is_named_once_and_no_other():
    named = named_in("Causes")

    assert len(named) == len(set(named))
    assert set(named) == causes_of_the_code()


def test_the_collector_finds_what_is_certainly_there():
    assert {
        "over_granted",
        "trust_lacks_tag_session",
        "throttled",
        "role_young",
        "trust_everybody",
    } <= causes_of_the_code()
    assert {"permission", "trust.canary", "inspection.simulation"} <= checks_of_the_code()
