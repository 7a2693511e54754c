"""Clients that share what holds no credential call AWS as botocore's own do, and know nothing of each other."""

import gc
import types
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore.session
import pytest
from botocore.config import Config

from integrations.aws.chain import enter_customer_role, enter_integration_role, vendor_side
from integrations.aws.clients import ClientFactory, SessionCredentials
from integrations.aws.probes import caller_account
from integrations.catalogue import load_catalogue

# Every probe of the catalogue that we ship, and calls with customisations of botocore's own.
PROBES = {
    (probe.service, probe.operation): dict(probe.parameters)
    for component in load_catalogue(Path(__file__).parents[3] / "catalogue.yaml").components
    for probe in (*(p.probe for p in component.permissions), *(n.probe for n in component.never_granted))
    if probe
}
CALLS = [
    *((service, operation, parameters) for (service, operation), parameters in PROBES.items()),
    ("sts", "get_caller_identity", {}),
    ("sts", "assume_role", {"RoleArn": "arn:aws:iam::1:role/r", "RoleSessionName": "name", "ExternalId": "id"}),
    ("s3", "get_bucket_location", {"Bucket": "a-bucket"}),
    ("s3", "list_objects_v2", {"Bucket": "a.bucket", "Prefix": "ö/"}),
    ("iam", "get_role", {"RoleName": "r"}),
    ("dynamodb", "list_tables", {"Limit": 1}),
    ("route53", "list_hosted_zones", {"MaxItems": "1"}),
    ("glacier", "list_vaults", {}),
    ("apigateway", "get_rest_apis", {"limit": 1}),
    ("machinelearning", "predict", {"MLModelId": "m", "Record": {}, "PredictEndpoint": "https://example.com"}),
]
# Of one moment or of one call.
VARIES = {"Authorization", "X-Amz-Date", "amz-sdk-invocation-id", "User-Agent"}


def credentials(name: str) -> SessionCredentials:
    return SessionCredentials(f"ASIA{name}", f"{name}-secret", f"{name}-token", datetime.now(UTC) + timedelta(hours=1))


class Sent(Exception):
    """The request was about to go out."""


def request_of(client, operation: str, parameters: dict):
    """What the client would send; nothing goes out."""
    requests = []

    def keep(request, **_):
        requests.append(request)
        raise Sent

    client.meta.events.register("before-send", keep)
    with pytest.raises(Sent):
        getattr(client, operation)(**parameters)
    return requests[0]


def text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize(("service", "operation", "parameters"), CALLS)
def test_a_call_goes_out_as_botocores_own_client_sends_it(service, operation, parameters, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    theirs = botocore.session.Session().create_client(
        service,
        "eu-central-1",
        aws_access_key_id="ASIAours",
        aws_secret_access_key="ours-secret",
        aws_session_token="ours-token",
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}),
    )
    factory = ClientFactory()
    factory.with_session(service, "eu-central-1", credentials("first"))
    ours = factory.with_session(service, "eu-central-1", credentials("ours"))

    sent, wanted = request_of(ours, operation, parameters), request_of(theirs, operation, parameters)

    assert (sent.method, sent.url, sent.body) == (wanted.method, wanted.url, wanted.body)
    assert set(sent.headers) == set(wanted.headers)
    assert {k: text(v) for k, v in sent.headers.items() if k not in VARIES} == {
        k: text(v) for k, v in wanted.headers.items() if k not in VARIES
    }
    # Signed by the same key, for the same day, region and service, and over the same headers.
    assert (
        text(sent.headers["Authorization"]).rpartition("Signature=")[0]
        == (text(wanted.headers["Authorization"]).rpartition("Signature=")[0])
    )


def reachable_texts(start: object) -> set[str]:
    """Every text that can be reached from an object, by whatever path but a module or a class."""
    seen: set[int] = set()
    texts: set[str] = set()
    waiting: list[object] = [start]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, types.ModuleType | type):
            continue
        seen.add(id(item))
        if isinstance(item, str):
            texts.add(item)
        elif isinstance(item, types.FunctionType):
            # Not its module's globals, which lead to everything there is.
            waiting += [item.__closure__, item.__defaults__, item.__kwdefaults__]
        else:
            waiting += gc.get_referents(item)
    return texts


@pytest.mark.parametrize("service", ["sts", "ec2", "s3", "iam"])
def test_from_a_client_no_credential_of_another_can_be_reached(service):
    factory = ClientFactory("http://127.0.0.1:9")
    first, second = credentials("first"), credentials("second")

    clients = [factory.with_session(service, "us-east-1", one) for one in (first, second)]

    found = [reachable_texts(client) for client in clients]
    assert {"first-secret", "first-token"} <= found[0], "the search finds what is there"
    assert not {"second-secret", "second-token"} & found[0]
    assert {"second-secret", "second-token"} <= found[1]
    assert not {"first-secret", "first-token"} & found[1]


def test_what_one_client_is_told_reaches_no_other():
    factory = ClientFactory("http://127.0.0.1:9")
    first = factory.with_session("sts", "us-east-1", credentials("first"))
    second = factory.with_session("sts", "us-east-1", credentials("second"))
    heard = []
    first.meta.events.register("before-call.sts", lambda **_: heard.append("first"))

    request_of(second, "get_caller_identity", {})

    assert not heard
    request_of(first, "get_caller_identity", {})
    assert heard == ["first"]


def test_clients_of_one_place_keep_one_set_of_connections_open():
    factory = ClientFactory("http://127.0.0.1:9")

    first = factory.with_session("sts", "us-east-1", credentials("first"))
    second = factory.with_session("sts", "us-east-1", credentials("second"))

    assert first._endpoint.http_session is second._endpoint.http_session
    assert first._endpoint is not second._endpoint


def test_many_customers_at_once_are_each_answered_in_their_own_account(vendor, customer, sandbox):
    """Every session asks who it is, over the same connections, while the others do: none is ever another."""
    side = vendor_side(vendor)
    customers = [customer, *(type(customer)(sandbox, vendor, customer.catalogue) for _ in range(5))]
    for one in customers:
        one.deploy()

    def accounts(one) -> set[str]:
        launch = enter_integration_role(side, one.target())
        session = enter_customer_role(side, one.target(), launch)
        return {caller_account(side, session)[0] for _ in range(10)}

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(accounts, customers * 2))

    assert answers == [{one.account_id} for one in customers] * 2
