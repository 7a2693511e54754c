"""How dear a verification is: ours, beside a boto3 session per account and beside the same calls signed by hand.

    python benchmarks/verify.py [--accounts N] [--rounds N]

All three do the same work against the same sandbox in the same run, with 0 and 60 ms added per call: AssumeRole with an
external ID into each account's role, then GetCallerIdentity as that role. Printed are the CPU time of this process per
account, sequentially; accounts a second with 16 at a time at 60 ms; and what a whole verification (chain, trust-test,
canary, 12 probes) takes at 60 ms, in CPU and beside its floor of three round trips. Rounds of the three alternate, so
that a busy machine strikes all; the medians are compared, and the spread is printed. What is a matter of milliseconds
alone, as the CPU of a whole verification and the time that it takes over its floor, is held against what a core takes
here (see `machine.py`). Ends with exit code 1 if a target is missed. It talks to its own sandbox on 127.0.0.1 and stops
by itself, in about two minutes.
"""

import argparse
import gc
import hashlib
import hmac
import http.client
import re
import secrets
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

import boto3
from machine import Machine
from scene import REGION, VENDOR, Scene, scene

from integrations.aws.assume_role import AssumeRole, open_session
from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET
from integrations.aws.report import SessionPurpose, VerificationTarget
from integrations.aws.verify import verify_role, warm_up
from integrations.catalogue import Component
from portal.memory import leave_loaded_modules_alone

LATENCY = 0.06  # seconds added to each call
AT_ONCE = 16
PROBES = 12
CPU_OF_BOTO3 = 1 / 10
CPU_OF_BY_HAND = 12
THROUGHPUT_OF_BOTO3 = 8
TIME_OF_FLOOR = 1.3
WHOLE_CPU_MILLISECONDS = 120


@dataclass(frozen=True)
class Account:
    """A customer's role, and the keys of the vendor that may enter it."""

    role_arn: str
    external_id: str


@dataclass(frozen=True)
class Keys:
    """Long-lived keys of a user in the vendor's account: only a benchmark has such."""

    access_key_id: str
    secret: str


# --- The three ways ---------------------------------------------------------------------------------------------------


def ours(url: str, keys: Keys) -> Callable[[Account], str]:
    """The engine's own parts: one client for our own identity, and clients of its own for each session."""
    factory = ClientFactory(url)
    source = factory.with_keys("sts", REGION, keys.access_key_id, keys.secret)

    def one(account: Account) -> str:
        call = AssumeRole(role_arn=account.role_arn, session_name="benchmark", external_id=account.external_id)
        session = open_session(source, call, component="benchmark", purpose=SessionPurpose.VERIFICATION)
        client = factory.with_session("sts", REGION, session.credentials)
        return str(client.get_caller_identity()["Account"])

    return one


def with_boto3_sessions(url: str, keys: Keys) -> Callable[[Account], str]:
    """What most programs do: a boto3 session and its clients for each account."""

    def one(account: Account) -> str:
        session = boto3.Session(keys.access_key_id, keys.secret, region_name=REGION)
        answer = session.client("sts", endpoint_url=url).assume_role(
            RoleArn=account.role_arn, RoleSessionName="benchmark", ExternalId=account.external_id, DurationSeconds=900
        )["Credentials"]
        client = session.client(
            "sts",
            endpoint_url=url,
            aws_access_key_id=answer["AccessKeyId"],
            aws_secret_access_key=answer["SecretAccessKey"],
            aws_session_token=answer["SessionToken"],
        )
        return str(client.get_caller_identity()["Account"])

    return one


def by_hand(url: str, keys: Keys) -> Callable[[Account], str]:
    """The floor: Signature Version 4 by hand, over one connection per thread that stays open."""
    host = urlsplit(url).netloc
    local = threading.local()

    def call(body: str, access_key_id: str, secret: str, token: str = "") -> str:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(host)
        local.connection.request("POST", "/", body, _signed(host, body, access_key_id, secret, token))
        answer = local.connection.getresponse().read().decode()
        return str(answer)

    def one(account: Account) -> str:
        parameters = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": account.role_arn,
            "RoleSessionName": "benchmark",
            "ExternalId": account.external_id,
            "DurationSeconds": "900",
        }
        answer = call(urlencode(parameters), keys.access_key_id, keys.secret)
        session = [_element(answer, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        return _element(call("Action=GetCallerIdentity&Version=2011-06-15", *session), "Account")

    return one


def _element(answer: str, name: str) -> str:
    found = re.search(f"<{name}>([^<]+)</{name}>", answer)
    if found is None:
        raise SystemExit(f"no {name} in: {answer[:500]}")
    return found[1]


def _signed(host: str, body: str, access_key_id: str, secret: str, token: str) -> dict[str, str]:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": host,
        "x-amz-date": moment,
        **({"x-amz-security-token": token} if token else {}),
    }
    names = ";".join(headers)
    canonical = "\n".join(
        ["POST", "/", "", *(f"{name}:{value}" for name, value in headers.items()), "", names, _sha256(body)]
    )
    scope = f"{moment[:8]}/{REGION}/sts/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{_sha256(canonical)}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return headers | {
        "authorization": f"AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- Measuring --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What one round took: CPU milliseconds and seconds per account."""

    cpu: float
    seconds: float


def cost(work: Callable[[VerificationTarget | Account], object], on: list) -> Cost:
    """Do `work` on each, one after the other."""
    cpu, started = time.process_time(), time.perf_counter()
    for item in on:
        work(item)
    count = len(on)
    return Cost((time.process_time() - cpu) / count * 1000, (time.perf_counter() - started) / count)


def accounts_a_second(work: Callable[[Account], str], accounts: list[Account]) -> float:
    """Do `work` on each, 16 at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, accounts[:AT_ONCE]))  # threads, connections and caches are warm
        started = time.perf_counter()
        list(pool.map(work, accounts))
        return len(accounts) / (time.perf_counter() - started)


def spread(values: list[float], unit: str, digits: int = 1) -> str:
    """The median, and from where to where the rounds went."""
    middle = statistics.median(values)
    return f"{middle:.{digits}f} {unit} ({min(values):.{digits}f}-{max(values):.{digits}f})"


class Targets:
    """Prints each figure beside its target and remembers what was missed."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def at_most(self, what: str, value: float, limit: float) -> None:
        self._judge(what, value, f"at most {limit:.3g}", value <= limit)

    def at_least(self, what: str, value: float, limit: float) -> None:
        self._judge(what, value, f"at least {limit:.3g}", value >= limit)

    def milliseconds(self, what: str, value: float, limit: float, slower: float) -> None:
        """As `at_most`, on a machine on which a core takes `slower` times as long as where the limit was set."""
        self._judge(what, value, f"at most {limit:.3g} ms, here {limit * slower:.3g}", value <= limit * slower, " ms")

    def _judge(self, what: str, value: float, target: str, reached: bool, unit: str = "") -> None:
        print(f"  {what:58} {value:8.3f}{unit}   {target}: {'reached' if reached else 'MISSED'}")
        if not reached:
            self.missed.append(what)


# --- The comparison ---------------------------------------------------------------------------------------------------


def vendor_keys(place: Scene) -> Keys:
    """A user in the vendor's account that may enter any role."""
    iam = ClientFactory(place.url).with_keys("iam", REGION, VENDOR, SANDBOX_SECRET)
    name = f"benchmark-{secrets.token_hex(4)}"
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name,
        PolicyName="enter-roles",
        PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}',
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(key["AccessKeyId"], key["SecretAccessKey"])


def plain_accounts(place: Scene, count: int) -> list[Account]:
    """Roles that trust the vendor's account with an external ID, each in an account of its own."""
    accounts = []
    for number in range(count):
        account_id, external_id = str(secrets.randbelow(10**11) + 3 * 10**11), f"external-id-{number}"
        iam = ClientFactory(place.url).with_keys("iam", REGION, account_id, SANDBOX_SECRET)
        trust = (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
            f'"Principal":{{"AWS":"{VENDOR}"}},"Condition":{{"StringEquals":{{"sts:ExternalId":"{external_id}"}}}}}}]}}'
        )
        role = iam.create_role(RoleName="benchmark", AssumeRolePolicyDocument=trust)["Role"]
        accounts.append(Account(role["Arn"], external_id))
    return accounts


def compare(place: Scene, accounts: list[Account], rounds: int, targets: Targets) -> None:
    """Ours, boto3's and by hand."""
    keys = vendor_keys(place)
    ways = {
        "ours": ours(place.url, keys),
        "boto3": with_boto3_sessions(place.url, keys),
        "by hand": by_hand(place.url, keys),
    }
    for account in accounts[:3]:
        if {way(account) for way in ways.values()} != {account.role_arn.split(":")[4]}:
            raise SystemExit("the three ways do not do the same work")
    for latency in (0.0, LATENCY):
        place.add_latency(latency)
        few = accounts[: 12 if latency else len(accounts)]
        measured: dict[str, list[Cost]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                gc.collect()  # so that nobody pays for what another left
                # boto3's are dear and steady: fewer do.
                measured[name].append(cost(way, few if name != "boto3" else few[: max(len(few) // 3, 4)]))
        print(f"AssumeRole + GetCallerIdentity, {latency * 1000:.0f} ms added per call, one account after the other")
        for name, costs in measured.items():
            print(
                f"  {name:8} CPU {spread([c.cpu for c in costs], 'ms', 2):28}"
                f" time {spread([c.seconds * 1000 for c in costs], 'ms')}"
            )
        cpu = {name: statistics.median(c.cpu for c in costs) for name, costs in measured.items()}
        targets.at_most(f"CPU of ours / boto3, {latency * 1000:.0f} ms", cpu["ours"] / cpu["boto3"], CPU_OF_BOTO3)
        targets.at_most(f"CPU of ours / by hand, {latency * 1000:.0f} ms", cpu["ours"] / cpu["by hand"], CPU_OF_BY_HAND)
    print(f"{AT_ONCE} at a time, {LATENCY * 1000:.0f} ms added per call, one process")
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            speeds[name].append(accounts_a_second(way, accounts if name != "boto3" else accounts[: 2 * AT_ONCE]))
    for name, values in speeds.items():
        print(f"  {name:8} {spread(values, 'accounts/s')}")
    targets.at_least(
        "accounts a second, ours / boto3",
        statistics.median(speeds["ours"]) / statistics.median(speeds["boto3"]),
        THROUGHPUT_OF_BOTO3,
    )


def twelve_probes(place: Scene) -> Component:
    """A component that needs 12 permissions with a probe each: those of two components of the shipped catalogue."""
    components = [place.catalogue.component(name) for name in ("compute-analysis", "log-analysis")]
    probed = [permission for one in components for permission in one.permissions if permission.probe]
    return components[0].model_copy(update={"permissions": tuple(probed[:PROBES])})


def whole_verifications(place: Scene, count: int, targets: Targets) -> None:
    """One after the other, as a worker's thread runs them."""
    machine = Machine()
    component = twelve_probes(place)
    roles = [place.deploy(number, component) for number in range(count)]

    def verify(role: VerificationTarget) -> None:
        report = verify_role(place.settings, role, on_finding=lambda _: None)
        if not (report.assumable and report.external_id_enforced and report.permissions_ok):
            raise SystemExit(f"the verification failed: {[f for f in report.findings if f.outcome != 'passed']}")

    warm_up(place.settings, place.catalogue)
    leave_loaded_modules_alone()  # as a worker does once it is warm
    place.add_latency(0)
    for role in roles:
        verify(role)  # the sandbox makes an account's services when they are first asked, which takes it long
    place.add_latency(LATENCY)
    verify(roles[0])
    calm = by_hand(place.url, vendor_keys(place))
    account = plain_accounts(place, 1)[0]
    calm(account)
    costs, two_calls = [], []
    for role in roles[1:]:
        machine.sample()
        costs.append(cost(verify, [role]))
        two_calls.append(cost(calm, [account]).seconds)
    floor = 3 * LATENCY
    print(f"A whole verification: chain, trust-test, canary, {PROBES} probes; {LATENCY * 1000:.0f} ms added per call")
    print(f"  time {spread([c.seconds * 1000 for c in costs], 'ms')}, CPU {spread([c.cpu for c in costs], 'ms')}")
    # How much of what is over the floor is the sandbox's and the machine's.
    print(f"  one call by hand in between {spread([seconds * 500 for seconds in two_calls], 'ms')}")
    seconds, cpu = (statistics.median(values) for values in zip(*((c.seconds, c.cpu) for c in costs), strict=True))
    print(f"  time / floor of three round trips {seconds / floor:.3f}, at most {TIME_OF_FLOOR} where targets were set")
    targets.milliseconds(
        "time over the floor", (seconds - floor) * 1000, (TIME_OF_FLOOR - 1) * floor * 1000, machine.slower
    )
    targets.milliseconds("CPU", cpu, WHOLE_CPU_MILLISECONDS, machine.slower)
    print(f"  {machine}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    targets = Targets()
    with scene() as place:
        whole_verifications(place, 25, targets)
        place.add_latency(0)
        compare(place, plain_accounts(place, options.accounts), options.rounds, targets)
    print("missed: " + ", ".join(targets.missed) if targets.missed else "all targets met")
    return 1 if targets.missed else 0


if __name__ == "__main__":
    sys.exit(main())
