"""What the tests of refusals share: a connection with its page in a browser, and a refusal as the page shows it."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Locator, Page, expect

from tests.conftest import Cast
from tests.customer import Organisation, connection_with_stack, sandbox_control
from tests.functional.customer_pages import expect_cause, expect_status, look, take_session, verify

CUSTOMER = "you, or whoever runs this AWS account"
ORGANISATION = "the team that runs your AWS organisation"
VENDOR = "Northwind Insights, not you"
OF_THE_CHAIN = ("hop-b", "hop-c")
WHOLE_TRUST = "The role's trust policy, whole:"  # stands before what to copy
COMPUTE, LOGS, STORAGE = "compute-analysis", "log-analysis", "storage-analysis"

Statements = list[dict[str, Any]]


@dataclass(frozen=True)
class Refusal:
    """What the page shows of one role, `at` a part of the chain or a check by its name: who must act, and the words.

    `cause` is what docs/reference/findings.md calls it. `words` begins with what no other problem of the role says.
    """

    component: str
    cause: str
    at: str
    who: str
    words: tuple[str, ...]
    mend: Callable[[str], Any]  # takes what the page gives to copy or, where it gives nothing, all that it says
    state: str = "denied"


class Scene:
    """A connection in an account of an organisation, with three roles unless it is said which, and its page in a
    browser. `options` are what the customer chose about the roles, by the account's id.
    """

    def __init__(
        self,
        page: Page,
        cast: Cast,
        client: Client,
        portal: str,
        *,
        components: list[str] | None = None,
        options: Callable[[str], dict[str, Any]] = lambda _: {},
    ) -> None:
        self.page = page
        self.organisation = Organisation()
        self.account = self.organisation.member
        self.account.make_policy("limits-of-all-roles")
        self.connection, _ = connection_with_stack(
            cast.tenant, components=components, account=self.account, options=options(self.account.account_id)
        )
        take_session(page, client, portal)
        self.address = f"/tenants/{cast.tenant.pk}/connections/{self.connection.pk}/"
        page.goto(self.address)
        verify(page)
        expect_status(page, "Connected")

    def role(self, component: str) -> str:
        """The name of a component's role."""
        return f"rolebridge-{self.connection.reference}-{component}"

    def change_trust(self, component: str, change: Callable[[Statements], Any]) -> None:
        """Edit the statements of a role's trust policy, as a careless hand does."""
        name = self.role(component)
        trust = copy.deepcopy(self.account.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
        change(trust["Statement"])
        self.account.set_trust(name, trust)

    def put_trust(self, component: str) -> Callable[[str], None]:
        """Mends with the whole trust policy that the page gives."""
        return lambda text: self.account.set_trust(self.role(component), json.loads(text))

    def play(self, name: str, *refusals: Refusal) -> None:
        """Verify and see each refusal, apply what the page says, verify again and see none."""
        self.see(name, *refusals)
        for refusal in refusals:
            refusal.mend(self.given_for(refusal))
        self.verify_until(lambda: not self.page.locator(".problem").count())

    def see(self, name: str, *refusals: Refusal) -> None:
        """Verify and see each refusal: where it is, who must act, the words, and that it is of this cause."""
        page = self.page
        self.verify_until(lambda: all(self.problem(one).count() for one in refusals))
        for refusal in refusals:
            run, problem = page.locator(f"#run-{refusal.component}"), self.problem(refusal)
            if refusal.at in OF_THE_CHAIN:
                expect(run.locator(f"#{refusal.component}-{refusal.at}")).to_have_attribute("data-state", refusal.state)
                run.get_by_role("link", name="Who must act, and the fix").click()
                # By its id: what is the target is none any more once the live part came anew.
                expect(page).to_have_url(re.compile(f"#{problem.get_attribute('id')}$"))
            else:
                expect(run.locator(f".check[data-state={refusal.state}]", has_text=refusal.at)).to_have_count(1)
                expect(run.locator(".hop[data-state=passed]")).to_have_count(2)
            expect(problem).to_contain_text(f"Who must act: {refusal.who}")
            for words in refusal.words:
                expect(problem).to_contain_text(words)
            expect_cause(problem, refusal.cause)
        look(page, f"refused-{name}")

    def problem(self, refusal: Refusal) -> Locator:
        """Where the page says what to do about it."""
        return self.page.locator(f"#run-{refusal.component} .problem", has_text=refusal.words[0]).first

    def given_for(self, refusal: Refusal) -> str:
        """What the page gives to copy against it or, where it gives nothing, all that it says."""
        problem = self.problem(refusal)
        cure = problem.locator("pre[id$='-cure']")
        return cure.inner_text() if cure.count() else problem.text_content() or ""

    def verify_until(self, is_seen: Callable[[], bool]) -> None:
        """Verify; again, if the schedule had one under way that began before the change."""
        for _ in range(4):
            verify(self.page)
            if is_seen():
                return
        pytest.fail(f"What was changed is not on the page: {self.page.locator('#live').inner_text()}")

    def verify_until_connected(self) -> None:
        """Verify until all roles are connected: one that was open, once two verifications in a row found it closed."""
        self.verify_until(lambda: self.page.locator("#connection-status").inner_text().strip() == "Connected")


def no_mending_needed(_: str) -> None:
    """Whoever must act has acted: the sandbox's fault is gone."""
    sandbox_control("faults", {"clear": True})


def policy(*statements: dict[str, Any]) -> str:
    """A policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def says(service: str, account_id: str, code: str, message: str, **more: str) -> None:
    """The sandbox refuses the service's calls in the account with these words."""
    fault = {"kind": "error", "service": service, "account": account_id, "code": code, "status": 403}
    sandbox_control("faults", fault | {"message": message} | more)
