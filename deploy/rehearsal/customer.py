"""What happens around the rehearsal's Debian: AWS's names, the vendor's roles in the sandbox, and a customer.

customer.py names | vendor | job | browse
"""

import json
import os
import re
import sys
import time
import urllib.request
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import requests

from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET, create_or_update_stack
from integrations.aws.vendor import VendorSettings
from integrations.aws.vendor_setup import ensure_vendor_account, iam_client
from integrations.catalogue import load_catalogue

PORTAL, SANDBOX = "https://access.rehearsal.test:8443", "http://127.0.0.1:4566"
VENDOR, CUSTOMER, REGION = "111111111111", "222233334444", "us-east-1"
PATIENCE = 120  # seconds
SERVICES = "sts ec2 autoscaling cloudformation cloudtrail monitoring logs elasticloadbalancing kms lambda rds s3"


def say(text: str) -> None:
    sys.stdout.write(f"   {text}\n")
    sys.stdout.flush()


def names() -> None:
    """The names under which AWS is reached."""
    regional = [f"{service}.{REGION}.amazonaws.com" for service in SERVICES.split()]
    sys.stdout.write(" ".join([*regional, "iam.amazonaws.com", "s3.amazonaws.com"]) + "\n")


def vendor() -> None:
    """The vendor's roles, as `vendor_setup` would have them made."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{SANDBOX}/_sandbox/health", timeout=5).close()
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
    catalogue = load_catalogue(Path("catalogue.yaml"))
    settings = VendorSettings(
        partition="aws",
        region=REGION,
        vendor_account_id=VENDOR,
        chain=catalogue.chain,
        product_tag_key=catalogue.product_tag.key,
        product_tag_value=catalogue.product_tag.value,
        endpoint_url=SANDBOX,
    )
    ensure_vendor_account(settings, catalogue, iam_client(settings, VENDOR, SANDBOX_SECRET))
    say("the vendor's roles are there")


class Browser:
    """A browser with cookies, which trusts the rehearsal's CA and sends forms as pages do."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False  # or a bundle of the machine's own would go before the rehearsal's CA
        self.session.verify = os.environ["CUSTOMER_CA"]

    def get(self, path: str) -> requests.Response:
        return self.session.get(PORTAL + path, timeout=30)

    def send(self, path: str, **fields: str | list[str]) -> requests.Response:
        """Fill in the form that stands on the page of that address."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path).text)
        assert token, path
        data = {"csrfmiddlewaretoken": token[1], **fields}
        return self.session.post(PORTAL + path, data=data, headers={"Referer": PORTAL + path}, timeout=30)


def code_in_mail(address: str) -> str:
    """The code that sign-up sent."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for path in Path(os.environ["CUSTOMER_MAILS"]).glob("*.eml"):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            text = mail.get_body(("plain",)).get_content()
            code = re.search(r"^\s*([A-Z0-9]{3,}-[A-Z0-9]{3,})\s*$", text, re.MULTILINE)
            if mail["To"] == address and code:
                return code[1]
        time.sleep(0.2)
    raise SystemExit(f"No mail with a code came to {address}.")


class Api:
    """A program of the customer's."""

    def __init__(self, token: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False  # or a bundle of the machine's own would go before the rehearsal's CA
        self.session.verify = os.environ["CUSTOMER_CA"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"If-Match": "*"} if method == "PATCH" else {}
        answer = self.session.request(method, f"{PORTAL}/api/v1{path}", json=body, headers=headers, timeout=30)
        if answer.status_code >= 400:
            raise SystemExit(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if "json" in answer.headers["Content-Type"] else answer.text

    def verify_until(self, connection_id: str, wanted: str) -> None:
        """Ask for verifications until the connection has the status."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            asked = self.call("POST", f"/connections/{connection_id}/verifications/", {})
            while self.call("GET", f"/verifications/{asked['id']}/")["state"] in {"queued", "running"}:
                if time.monotonic() > until:
                    raise SystemExit("A verification did not end.")
                time.sleep(0.2)
            if self.call("GET", f"/connections/{connection_id}/")["status"] == wanted:
                say(f"the connection is {wanted}")
                return
        raise SystemExit(f"The connection did not become {wanted}.")


def job() -> None:
    """From sign-up to connected, unsafe and connected again; the token is kept for `browse`."""
    browser, email = Browser(), "captain@blueharbour.example"
    browser.send(
        "/accounts/signup/", organisation="Blue Harbour", email=email, password1="a long and rather quiet password"
    )
    browser.send("/accounts/confirm-email/", code=code_in_mail(email))
    tenant = re.search(r"/tenants/([0-9a-f-]{36})/", browser.get("/").text)
    assert tenant, "signed up, and on no organisation's page"
    say("signed up with the code from the mail")
    scopes = ["read", "verify", "manage"]
    page = browser.send(f"/tenants/{tenant[1]}/api-tokens/", name="Rehearsal", scopes=scopes, days="30").text
    token = re.search(r"rbt_[\w-]{20,}", page)
    assert token, "the page shows no token"
    (Path(os.environ["CUSTOMER_MAILS"]) / "token").write_text(token[0])
    api = Api(token[0])
    (connection,) = api.call("GET", "/connections/")["results"]
    api.call("PATCH", f"/connections/{connection['id']}/", {"account_id": CUSTOMER})
    template = api.call("GET", f"/connections/{connection['id']}/role-templates/cloudformation/")
    create_or_update_stack(SANDBOX, CUSTOMER, "rolebridge", template)
    say("deployed the role template in the customer's account")
    api.verify_until(connection["id"], "connected")
    iam = ClientFactory(SANDBOX).with_keys("iam", REGION, CUSTOMER, SANDBOX_SECRET)
    name = api.call("GET", f"/connections/{connection['id']}/")["customer_roles"][0]["name"]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    opened = json.loads(json.dumps(trust))
    for statement in opened["Statement"]:
        statement.pop("Condition", None)
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(opened))
    api.verify_until(connection["id"], "unsafe")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    api.verify_until(connection["id"], "connected")


def browse() -> None:
    """Ask for pages and verifications while every process is replaced; nothing may fail, and each must end."""
    api = Api((Path(os.environ["CUSTOMER_MAILS"]) / "token").read_text())
    browser, asked, pages = Browser(), set(), 0
    (connection,) = api.call("GET", "/connections/")["results"]
    until = time.monotonic() + 45
    while time.monotonic() < until:
        answer = browser.get("/accounts/login/")
        if answer.status_code != 200:
            raise SystemExit(f"A page answered {answer.status_code}.")
        pages += 1
        asked.add(api.call("POST", f"/connections/{connection['id']}/verifications/", {})["id"])
        time.sleep(0.1)
    until = time.monotonic() + PATIENCE
    states: dict[str, int] = {}
    for verification_id in asked:
        while (state := api.call("GET", f"/verifications/{verification_id}/")["state"]) in {"queued", "running"}:
            if time.monotonic() > until:
                raise SystemExit("A verification is stuck.")
            time.sleep(0.2)
        states[state] = states.get(state, 0) + 1
    say(f"{pages} pages and {pages} requests of the API answered, 0 lost; {len(asked)} verifications: {states}")
    if set(states) != {"completed"}:
        raise SystemExit("A verification reached no verdict.")


if __name__ == "__main__":
    {"names": names, "vendor": vendor, "job": job, "browse": browse}[sys.argv[1]]()
