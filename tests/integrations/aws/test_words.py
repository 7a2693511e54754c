"""Every constant title and fix of a finding is marked for translators, where makemessages finds it."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from integrations.aws.words import gettext_noop
from portal.local.services import ROOT

# Where the texts of findings are written. The vendor doctor's are told to operators alone, on a command line.
SOURCES = sorted(path for path in (ROOT / "integrations/aws").rglob("*.py") if "vendor_doctor" not in path.parts) + [
    ROOT / "integrations/actions" / name for name in ("role_statuses.py", "vendor_identity.py")
]
# Where a call takes what a page shows, by the function's name; and where a finding is made with no Run.
POSITIONS = {
    "Verdict": (3, 4),
    "TrustProblem": (2, 3),
    "Cure": (0,),
    "and_run_again": (0,),
    "passed": (1,),
    "skipped": (2,),
    "findings.passed": (2,),
    "findings.skipped": (3,),
    "_opened": (1,),
    "_too_wide": (1,),
}
SHOWN = re.compile(r"fix|(\w+_)?title")  # the keywords that hold such a text


def shown_texts(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments of a call that a page shows, if it takes any."""
    name = ast.unparse(call.func)
    for position in POSITIONS.get(name, POSITIONS.get(name.rpartition(".")[2], ())):
        yield from call.args[position : position + 1]
    yield from (keyword.value for keyword in call.keywords if SHOWN.fullmatch(keyword.arg or ""))


def unmarked(source: str) -> list[str]:
    """The constant texts of findings in a module that no translator would be given."""
    tree = ast.parse(source)
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    constants = {ast.unparse(target): node.value for node in assigned for target in node.targets}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    # A constant that another module shows is as good as shown here.
    shown = [
        *chain.from_iterable(map(shown_texts, calls)),
        *(ast.Name(name) for name in ("OURS", "LATER", "RUN_AGAIN")),
    ]
    found = [text for one in shown for text in literals(one, constants)]
    # What is marked and no literal is nothing that xgettext could read.
    marks = (call for call in calls if ast.unparse(call.func) == "gettext_noop")
    return found + [ast.unparse(mark) for mark in marks if not all(map(is_literal, mark.args))]


def is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def literals(node: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    """The texts that an expression can be as it stands, by way of the names that they were given, too."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body, constants)
        yield from literals(node.orelse, constants)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from literals(value, constants)
    elif isinstance(node, ast.Subscript):
        yield from literals(node.value, constants)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from literals(value, constants)
    elif isinstance(node, ast.Name) and node.id in constants:
        yield from literals(constants[node.id], constants)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_constant_text_of_a_finding_is_marked(path: Path) -> None:
    assert unmarked(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        'Verdict(outcome, "denied", who, "It was denied", OURS)',
        'FIX = "Allow it"\nVerdict(outcome, "denied", who, gettext_noop("It was denied"), FIX)',
        'run.passed(CHECK, "Allowed", answer)',
        'ENTERED = {A: gettext_noop("We are in A"), B: "We are in B"}\nrun.passed(CHECK, ENTERED[CHECK], answer)',
        'run.passed(CHECK, "Allowed" if live else gettext_noop("Allowed by simulation"), answer)',
        'findings.skipped(CHECK, component, "no_probe", "Not tried")',
        'run.skipped(CHECK, "no_probe", gettext_noop("Not tried"), fix="There is nothing to do.")',
        'Control(check=CHECK, passed_title="It lets us in")',
        'and_run_again("Put it in place again.")',
        'OURS = "It is our fault"',
        'gettext_noop(f"The role {name} is gone")',
    ],
)
def test_a_text_that_no_translator_is_given_is_seen(source: str) -> None:
    assert len(unmarked(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        'run.passed(CHECK, gettext_noop("Allowed"), answer)',
        'Verdict(outcome, "denied", who, f"{action} was denied", "")',
    ],
)
def test_what_is_marked_or_made_with_values_is_left(source: str) -> None:
    assert unmarked(source) == []


def test_a_marked_text_stays_as_it_is() -> None:
    assert gettext_noop("Allowed") == "Allowed"
