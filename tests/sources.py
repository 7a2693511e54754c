"""The source of tests by their names, for tests that tie rows of a table to the tests which prove them."""

import ast
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


def source_of(test: str) -> str:
    """The source of a test with its decorators; it is named by its file in this directory, `::` and its function.

    A KeyError where there is none.
    """
    file, name = test.split("::")
    return _tests_in(file)[name]


@cache
def _tests_in(file: str) -> dict[str, str]:
    text = (HERE / file).read_text(encoding="utf-8")
    lines = text.splitlines()
    return {
        node.name: "\n".join(
            lines[min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1 : node.end_lineno]
        )
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
