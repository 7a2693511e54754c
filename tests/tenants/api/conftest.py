"""The people of the cast as programs, each with a token of every scope."""

import pytest


@pytest.fixture
def owner(api, cast):
    return api(cast.owner, cast.tenant)


@pytest.fixture
def admin(api, cast):
    return api(cast.admin, cast.tenant)


@pytest.fixture
def stranger(api, cast):
    return api(cast.stranger, cast.other_tenant)
