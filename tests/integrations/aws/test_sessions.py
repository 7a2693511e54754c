"""The session cache: one refresh for many callers, dropped at once, bounded, and no secret anywhere. In the sandbox."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.aws import sessions
from integrations.aws.chain import enter_customer_role, enter_integration_role, vendor_side
from integrations.aws.errors import Refused, SessionExpired
from integrations.aws.policies import revoke_older_sessions_policy
from integrations.aws.probes import caller_account, run_probe
from integrations.aws.report import SessionPurpose
from integrations.aws.sessions import SessionCache, open_for_product
from tests.integrations.aws.conftest import root_client

ALL_CHAINS = pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)


@pytest.fixture
def opened():
    """The receipts of every chain that the cache opened."""
    return []


@pytest.fixture
def cache(vendor, opened):
    return SessionCache(vendor_side(vendor), on_opened=opened.append)


@ALL_CHAINS
def test_a_session_is_opened_once_and_works_in_the_customers_account(vendor, customer, cache, opened):
    customer.deploy()

    first = cache.session(customer.target())
    second = cache.session(customer.target())

    assert first is second
    assert caller_account(vendor_side(vendor), first)[0] == customer.account_id
    [[launch, session]] = opened
    assert launch.purpose is session.purpose is SessionPurpose.PRODUCT
    assert session.expires_at - session.opened_at > timedelta(minutes=55)


def test_a_live_session_ends_with_the_policy_that_revokes_older_ones(vendor, customer, cache):
    role = customer.deploy()
    target = customer.target()
    session = cache.session(target)
    probe = target.component.permissions[0].probe
    run_probe(vendor_side(vendor), session, probe, vendor.region)

    customer.set_policy(role, revoke_older_sessions_policy(session.receipt.opened_at - timedelta(minutes=1)), "Revoke")
    run_probe(vendor_side(vendor), session, probe, vendor.region)  # it is younger
    customer.set_policy(role, revoke_older_sessions_policy(datetime.now(UTC)), "Revoke")

    with pytest.raises(Refused):
        run_probe(vendor_side(vendor), session, probe, vendor.region)


def test_the_same_policy_on_our_integration_role_ends_its_sessions_before_they_enter_a_customers(
    sandbox, vendor, customer
):
    customer.deploy()
    side, target = vendor_side(vendor), customer.target()
    live = enter_integration_role(side, target)
    enter_customer_role(side, target, live)
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    of_integration = {"RoleName": "integration", "PolicyName": "Revoke"}

    second_after = live.receipt.opened_at.replace(microsecond=0) + timedelta(seconds=1)
    iam.put_role_policy(**of_integration, PolicyDocument=json.dumps(revoke_older_sessions_policy(second_after)))
    try:
        with pytest.raises(Refused):
            enter_customer_role(side, target, live)
        time.sleep(1.1)
        enter_customer_role(side, target, enter_integration_role(side, target))  # it is younger
    finally:
        iam.delete_role_policy(**of_integration)


def test_many_callers_cause_one_chain_to_be_opened(customer, cache, opened, faults):
    customer.deploy()
    faults(kind="latency", service="sts", seconds=0.1)

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: cache.session(customer.target()), range(16)))

    assert len({id(session) for session in found}) == 1
    assert len(opened) == 1


def test_a_session_that_is_about_to_end_is_replaced(customer, cache, opened, monkeypatch):
    customer.deploy()
    first = cache.session(customer.target())
    monkeypatch.setattr(sessions, "REFRESH_BEFORE_EXPIRY", 3700.0)

    second = cache.session(customer.target())

    assert second is not first
    assert len(opened) == 2


def test_a_rotated_external_id_opens_a_session_of_its_own(customer, cache):
    name = customer.deploy()
    first = cache.session(customer.target())
    customer.set_trust(name, customer.document(external_ids=("rb-the-new-one",)).trust_policy)

    second = cache.session(customer.target(external_id="rb-the-new-one"))

    assert second is not first


def test_sessions_are_kept_apart_by_connection_and_component(customer, cache, opened):
    customer.deploy()
    customer.deploy("log-analysis")

    cache.session(customer.target())
    cache.session(customer.target("log-analysis"))

    assert len(cache) == len(opened) == 2


@pytest.mark.parametrize("component", [None, "compute-analysis"])
def test_a_dropped_session_is_gone_at_once(customer, cache, component):
    name = customer.deploy()
    cache.session(customer.target())
    customer.iam.delete_role_policy(RoleName=name, PolicyName="permissions")
    customer.iam.delete_role(RoleName=name)

    cache.drop("c1", component)

    assert len(cache) == 0
    with pytest.raises(Refused):
        cache.session(customer.target())


def test_dropping_one_component_leaves_the_others(customer, cache):
    customer.deploy()
    customer.deploy("log-analysis")
    cache.session(customer.target())
    kept = cache.session(customer.target("log-analysis"))

    cache.drop("c1", "compute-analysis")

    assert len(cache) == 1
    assert cache.session(customer.target("log-analysis")) is kept


def test_the_emergency_stop_forgets_everything(customer, cache):
    customer.deploy()
    cache.session(customer.target())

    cache.clear()

    assert len(cache) == 0


def test_a_session_dropped_while_it_is_opened_is_not_kept(customer, cache, faults):
    customer.deploy()
    faults(kind="latency", service="sts", seconds=0.3)
    opening = threading.Thread(target=lambda: cache.session(customer.target()))
    opening.start()
    while not len(cache):
        pass

    cache.drop("c1")
    opening.join()

    assert len(cache) == 0


def test_the_number_of_sessions_is_bounded(vendor, customer, opened):
    customer.deploy()
    customer.deploy("log-analysis")
    small = SessionCache(vendor_side(vendor), max_sessions=1, on_opened=opened.append)

    small.session(customer.target())
    small.session(customer.target("log-analysis"))

    assert len(small) == 1
    small.session(customer.target())
    assert len(opened) == 3


def test_what_is_being_opened_is_not_let_go_so_that_nobody_opens_it_twice(vendor, customer):
    customer.deploy()
    customer.deploy("log-analysis")
    opening, go_on = threading.Event(), threading.Event()
    begun = []

    def open_slowly(side, target):
        begun.append(target.component.id)
        if target.component.id == "compute-analysis":
            opening.set()
            assert go_on.wait(30)
        return open_for_product(side, target)

    small = SessionCache(vendor_side(vendor), open_session=open_slowly, max_sessions=1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(small.session, customer.target())
        assert opening.wait(30)
        small.session(customer.target("log-analysis"))  # takes the only place
        second = pool.submit(small.session, customer.target())
        go_on.set()

        assert first.result(30) is second.result(30)

    assert begun.count("compute-analysis") == 1
    assert len(small) == 1


def test_a_failure_is_not_kept(customer, cache):
    with pytest.raises(Refused):
        cache.session(customer.target())

    customer.deploy()

    assert cache.session(customer.target())


def test_an_expired_session_rebuilds_the_chain_once(customer, cache, opened):
    customer.deploy()
    calls = []

    def work(session):
        calls.append(session)
        if len(calls) == 1:
            raise SessionExpired("ExpiredToken")
        return "done"

    assert cache.use(customer.target(), work) == "done"
    assert calls[0] is not calls[1]
    assert len(opened) == 2


def test_a_session_that_stays_expired_is_not_tried_for_ever(customer, cache, opened):
    customer.deploy()

    def work(session):
        raise SessionExpired("ExpiredToken")

    with pytest.raises(SessionExpired):
        cache.use(customer.target(), work)

    assert len(opened) == 2


def test_credentials_that_aws_calls_expired_are_replaced(sandbox_of_my_own, monkeypatch):
    vendor, customer = sandbox_of_my_own
    customer.deploy()
    monkeypatch.setattr(sessions, "MAX_CHAINED_DURATION", 900)
    side = vendor_side(vendor)
    cache = SessionCache(side)
    first = cache.session(customer.target())
    customer.sandbox.control("clock", {"advance": 1000})

    with pytest.raises(SessionExpired):
        caller_account(side, first)
    account_id, _ = cache.use(customer.target(), lambda session: caller_account(side, session))

    assert account_id == customer.account_id


def test_nothing_shows_a_secret(customer, cache):
    customer.deploy()
    session = cache.session(customer.target())
    secrets = (session.credentials.secret_access_key, session.credentials.session_token)

    shown = repr(session) + repr(cache) + repr(vars(cache)) + str(replace(session))

    assert not any(secret in shown for secret in secrets)
    assert session.credentials.expires_at > datetime.now(UTC)
