"""What the benchmarks share: a sandbox in a process of its own, with the vendor's and customers' roles in it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from integrations.aws.clients import ClientFactory  # noqa: E402 - found through the line above
from integrations.aws.customer_stack import SANDBOX_SECRET  # noqa: E402
from integrations.aws.report import VerificationTarget  # noqa: E402
from integrations.aws.vendor import VendorSettings  # noqa: E402
from integrations.aws.vendor_setup import ensure_vendor_account, iam_client  # noqa: E402
from integrations.catalogue import Catalogue, Component, load_catalogue  # noqa: E402
from integrations.role_templates.document import RoleDocument, role_document  # noqa: E402
from integrations.role_templates.names import role_name  # noqa: E402

VENDOR = "111111111111"
FIRST_CUSTOMER = 200_000_000_000
REGION = "us-east-1"


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has taken, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_megabytes(pid: int) -> float:
    """The resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1024 if found else float("nan")


def end_when_told() -> None:
    """On SIGTERM end as on Ctrl-C does, so that what was started is ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


@dataclass(frozen=True)
class Scene:
    """A running sandbox with the vendor's account set up."""

    url: str
    settings: VendorSettings
    catalogue: Catalogue

    def control(self, name: str, value: object) -> None:
        """Call one of the sandbox's control addresses."""
        body, headers = json.dumps(value).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_sandbox/{name}", body, headers, method="POST")
        urllib.request.urlopen(request, timeout=30).close()

    def add_latency(self, seconds: float) -> None:
        """Every call to AWS takes so much longer from now on."""
        self.control("faults", {"clear": True})
        if seconds:
            self.control("faults", {"kind": "latency", "seconds": seconds})

    def deploy(self, number: int, component: Component) -> VerificationTarget:
        """The role for a component in an account of its own, as the role template makes it."""
        account_id, reference = str(FIRST_CUSTOMER + number), f"c{number}"
        external_id = f"rb-benchmark-external-id-{number:012}"
        deploy_role(self, component, account_id=account_id, reference=reference, external_id=external_id)
        return VerificationTarget(
            tenant_ref=f"t{number}",
            connection_ref=reference,
            account_id=account_id,
            external_id=external_id,
            role_name=role_name(reference, component.id),
            role_path="/",
            component=component,
        )


def deploy_role(place: Scene, component: Component, *, account_id: str, reference: str, external_id: str) -> None:
    """Make a customer role as the role template describes it."""
    document = _document(place, component, account_id, reference, external_id)
    iam = ClientFactory(place.url).with_keys("iam", REGION, account_id, SANDBOX_SECRET)
    iam.create_role(
        RoleName=document.role_name,
        AssumeRolePolicyDocument=json.dumps(document.trust_policy),
        Tags=[{"Key": key, "Value": value} for key, value in document.tags],
    )
    for policy in document.inline_policies:
        iam.put_role_policy(
            RoleName=document.role_name, PolicyName=policy.name, PolicyDocument=json.dumps(policy.document)
        )


def set_trust(
    place: Scene, component: Component, *, account_id: str, reference: str, external_id: str, is_open: bool
) -> None:
    """Write the trust policy of a deployed customer role: as the role template has it, or open to whoever the vendor
    acts for, since it asks for no external ID.
    """
    document = _document(place, component, account_id, reference, external_id)
    trust = json.loads(json.dumps(document.trust_policy))
    if is_open:
        for statement in trust["Statement"]:
            statement.pop("Condition", None)
    iam = ClientFactory(place.url).with_keys("iam", REGION, account_id, SANDBOX_SECRET)
    iam.update_assume_role_policy(RoleName=document.role_name, PolicyDocument=json.dumps(trust))


def _document(place: Scene, component: Component, account_id: str, reference: str, external_id: str) -> RoleDocument:
    return role_document(
        place.settings,
        place.catalogue,
        component,
        connection_ref=reference,
        account_id=account_id,
        external_ids=(external_id,),
    )


def vendor_settings(url: str, catalogue: Catalogue) -> VendorSettings:
    """The vendor of the shipped catalogue, in a sandbox."""
    return VendorSettings(
        partition="aws",
        region=REGION,
        vendor_account_id=VENDOR,
        chain=catalogue.chain,
        product_tag_key=catalogue.product_tag.key,
        product_tag_value=catalogue.product_tag.value,
        endpoint_url=url,
    )


@contextmanager
def scene() -> Iterator[Scene]:
    """Start a sandbox and set the vendor's account up; this process gets the worker's identity in it."""
    end_when_told()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "integrations.sandbox", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(f"{url}/_sandbox/health", process)
        os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{url}/_sandbox/credentials/{VENDOR}/rolebridge/worker"
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            os.environ.pop(name, None)
        catalogue = load_catalogue(ROOT / "catalogue.yaml")
        settings = vendor_settings(url, catalogue)
        ensure_vendor_account(settings, catalogue, iam_client(settings, VENDOR, SANDBOX_SECRET))
        yield Scene(url, settings, catalogue)
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"{url} does not answer")
