"""A sandbox for the session, and for each test a world with accounts of its own."""

from collections.abc import Iterator

import pytest

from tests.integrations.sandbox.world import Account, World, on_aws
from tests.sandbox_server import SandboxServer, running_sandbox


@pytest.fixture(scope="session")
def server() -> Iterator[SandboxServer]:
    """The sandbox that all tests of this process share; a test that asks for it cannot run against AWS."""
    if on_aws():
        pytest.skip("plays with the sandbox's own controls")
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
