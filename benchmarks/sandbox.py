"""How fast the sandbox is, beside plain `moto_server` in the same run on the same machine.

    python benchmarks/sandbox.py [--calls N]

Prints milliseconds a call through boto3 (one client, one connection), calls a second with four threads, the time of
one policy decision, the time until the sandbox answers, and its memory when idle. Ends with exit code 1 if AssumeRole
or GetCallerIdentity is slower than moto_server's, or another target is missed.
"""

import argparse
import json
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from integrations.sandbox.policy import (  # noqa: E402 - found through the line above
    PolicyKind,
    PolicySet,
    Principal,
    Request,
    evaluate,
    parse_policy,
)

VENDOR, CUSTOMER = "111111111111", "222222222222"
DECISION_TARGET_MICROSECONDS = 50
READY_TARGET_SECONDS = 1.5
IDLE_TARGET_MEGABYTES = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(*arguments: str) -> tuple[subprocess.Popen[bytes], str, float]:
    """Start a server on a free port; gives the process, its address and the seconds until it answered."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments, str(port)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        try:
            urllib.request.urlopen(f"{url}/_sandbox/health", timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            time.sleep(0.01)
            continue
        return process, url, time.perf_counter() - started


def idle_megabytes(process: subprocess.Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else float("nan")


def client(service: str, url: str, key: str, secret: str = "test", token: str | None = None) -> Any:
    return boto3.client(  # type: ignore[call-overload]  # the service is a variable
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(max_pool_connections=8),
    )


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def prepare(url: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Make a caller and a role it may assume; gives the two calls to measure."""
    iam = client("iam", url, VENDOR)
    iam.create_user(UserName="caller")
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    allow = {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}
    iam.put_user_policy(UserName="caller", PolicyName="p", PolicyDocument=document(allow))
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": VENDOR},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "the-id"}},
    }
    role = client("iam", url, CUSTOMER).create_role(RoleName="target", AssumeRolePolicyDocument=document(trust))["Role"]
    sts = client("sts", url, key["AccessKeyId"], key["SecretAccessKey"])

    def assume() -> Any:
        return sts.assume_role(RoleArn=role["Arn"], RoleSessionName="bench", ExternalId="the-id")

    return assume, sts.get_caller_identity


def milliseconds(call: Callable[[], Any], calls: int) -> float:
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def calls_a_second(call: Callable[[], Any], calls: int) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: call(), range(calls)))
    return calls / (time.perf_counter() - started)


def decision_microseconds() -> float:
    """Time one AssumeRole decision with everything in it: identity, session, service control and trust policies."""
    sts = {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "arn:aws:iam::*:role/*"}
    compared = {"StringEquals": {"sts:ExternalId": "${aws:PrincipalTag/ExternalId}", "iam:ResourceTag/P": "1"}}
    identity = parse_policy(PolicyKind.IDENTITY, document({**sts, "Condition": compared}))
    session = parse_policy(PolicyKind.SESSION, document({**sts, "Resource": "arn:aws:iam::222222222222:role/target"}))
    full = parse_policy(PolicyKind.SERVICE_CONTROL, document({"Effect": "Allow", "Action": "*", "Resource": "*"}))
    trust = {"Effect": "Allow", "Principal": {"AWS": VENDOR}, "Action": "sts:AssumeRole"}
    trusting = parse_policy(
        PolicyKind.TRUST, document({**trust, "Condition": {"StringEquals": {"sts:ExternalId": "id"}}})
    )
    arn = f"arn:aws:iam::{VENDOR}:role/b"
    request = Request(
        "sts:AssumeRole",
        f"arn:aws:iam::{CUSTOMER}:role/target",
        Principal(VENDOR, arn, arn, "AROAX", is_session=True),
        {"sts:externalid": ("id",), "aws:principaltag/externalid": ("id",), "iam:resourcetag/p": ("1",)},
        CUSTOMER,
    )
    policies = PolicySet(
        identity=(identity,), session=(session,), service_control=((full,), (full,)), resource=trusting,
        resource_must_allow=True,
    )  # fmt: skip
    if not evaluate(request, policies).allowed:
        raise SystemExit("the measured request should be allowed")
    rounds = 5000
    started = time.perf_counter()
    for _ in range(rounds):
        evaluate(request, policies)
    return (time.perf_counter() - started) / rounds * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    calls = parser.parse_args().calls
    readies = []
    for _ in range(3):
        process, _url, ready = start("-m", "integrations.sandbox", "--port")
        readies.append(ready)
        process.terminate()
        process.wait()
    sandbox, sandbox_url, ready = start("-m", "integrations.sandbox", "--port")
    readies.append(ready)
    plain, plain_url, _ready = start("-m", "moto.server", "-p")
    failed = []
    try:
        idle = idle_megabytes(sandbox)
        pairs = zip(("AssumeRole", "GetCallerIdentity"), prepare(sandbox_url), prepare(plain_url), strict=True)
        for name, ours, theirs in pairs:
            milliseconds(ours, 20), milliseconds(theirs, 20)
            # Half of each before and after the other, so that a busy machine strikes both.
            mine = statistics.mean([milliseconds(ours, calls // 2) for _ in range(2)])
            other = statistics.mean([milliseconds(theirs, calls // 2) for _ in range(2)])
            many, many_other = calls_a_second(ours, calls), calls_a_second(theirs, calls)
            print(
                f"{name:18} sandbox {mine:6.2f} ms {many:6.0f}/s   moto_server {other:6.2f} ms {many_other:6.0f}/s   "
                f"ratio {mine / other:.2f}"
            )
            if mine > other:
                failed.append(name)
    finally:
        for process in (sandbox, plain):
            process.terminate()
            process.wait()
    decision = decision_microseconds()
    best = min(readies)
    print(f"one decision       {decision:6.1f} us (target {DECISION_TARGET_MICROSECONDS})")
    print(f"ready in           {best:6.2f} s best, {max(readies):.2f} worst of 4 (target {READY_TARGET_SECONDS})")
    print(f"idle memory        {idle:6.0f} MB (target {IDLE_TARGET_MEGABYTES})")
    if decision > DECISION_TARGET_MICROSECONDS:
        failed.append("decision")
    if best > READY_TARGET_SECONDS:
        failed.append("ready")
    if idle > IDLE_TARGET_MEGABYTES:
        failed.append("memory")
    print("missed: " + ", ".join(failed) if failed else "all targets met")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
