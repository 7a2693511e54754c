"""A sandbox for the session, and for each test a world with accounts of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.sandbox.world import Account, World, on_aws
from tests.sandbox_server import SandboxServer, running_sandbox

HERE = Path(__file__).parent
MARK = "sandbox_only(reason): needs the sandbox itself, so it is skipped where SANDBOX_TESTS=aws points at accounts"
OF_THE_SANDBOX = {"server", "own"}
"""Fixtures that give a test the sandbox's process or its controls."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked where tests run against accounts, and demand the mark of what cannot run there.

    With SANDBOX_TESTS_CASES=first only the first case of each test is run: all make and remove the same things.
    """
    for item in items:
        if HERE not in item.path.parents:
            continue
        mark = item.get_closest_marker("sandbox_only")
        if mark is None and OF_THE_SANDBOX & set(getattr(item, "fixturenames", ())):
            raise pytest.UsageError(f"{item.nodeid} uses the sandbox's own controls: mark it sandbox_only(reason)")
        if mark is not None and not (mark.args and isinstance(mark.args[0], str)):
            raise pytest.UsageError(f"{item.nodeid}: sandbox_only wants its reason")
        if mark is not None and on_aws():
            item.add_marker(pytest.mark.skip(reason=f"sandbox only: {mark.args[0]}"))
    if os.environ.get("SANDBOX_TESTS_CASES") == "first":
        firsts = {item.nodeid.split("[")[0]: item for item in reversed(items)}
        config.hook.pytest_deselected(items=[item for item in items if firsts[item.nodeid.split("[")[0]] is not item])
        items[:] = [item for item in items if firsts[item.nodeid.split("[")[0]] is item]


@pytest.fixture(scope="session")
def server() -> Iterator[SandboxServer]:
    """The sandbox that all tests of this process share."""
    with running_sandbox() as started:
        yield started


@pytest.fixture
def world(request) -> Iterator[World]:
    """The sandbox, or three real accounts."""
    made = World(None if on_aws() else request.getfixturevalue("server"))
    yield made
    made.clean()


@pytest.fixture
def vendor(world) -> Account:
    return world.account()


@pytest.fixture
def customer(world) -> Account:
    return world.account()
