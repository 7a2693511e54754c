"""The gallery of the design system: every component in every state, from samples that are kept nowhere."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from django import forms
from django.contrib.staticfiles import finders
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from integrations.actions.messages import Remedy
from integrations.models import Connection, CustomerRole, Finding, Status, StatusChange, Verification
from integrations.views.checks import ENTER_A, ENTER_B, ENTER_C, Check, CheckList
from integrations.views.hops import hops_of
from integrations.views.problems import Problem
from integrations.views.steps import IN_ALL, Step
from integrations.views.timelines import Timeline, timeline_of
from tenants.access import public
from tenants.models import Tenant

COMPONENT = "compute-analysis"


class SampleForm(forms.Form):
    """A form with what a form can hold."""

    name = forms.CharField(label="Name", help_text="What you call it.")
    kind = forms.ChoiceField(label="Kind", choices=[("a", "One"), ("b", "Another")])
    notes = forms.CharField(label="Notes", widget=forms.Textarea(attrs={"rows": 2}), required=False)


@public
def gallery(request: HttpRequest) -> HttpResponse:
    """Every component of the design system in every state."""
    states = [*Finding.Outcome.values, "trying", "waiting"]
    connection = Connection(
        tenant=Tenant(name="Blue Harbour"), name="Production", account_id="222233334444", removal_requested_at=None
    )
    refused = SampleForm({"name": "", "kind": "c"}, auto_id="refused_%s")
    timeline = _timeline()
    refused.full_clean()
    context: dict[str, Any] = {
        "statuses": Status.values,
        "states": states,
        "icons": re.findall(r'<symbol id="([a-z-]+)"', Path(str(finders.find("icons.svg"))).read_text()),
        "form": SampleForm(initial={"name": "Production"}),
        "refused_form": refused,
        "connection": connection,
        "picture": {"verification": Verification(state=Verification.State.COMPLETED), "connection": connection},
        "run": _run(connection),
        "problem": _problem(),
        "checks": CheckList(
            Check(key=f"g-{state}", name="ec2:DescribeInstances", state=state) for state in ("passed", "denied")
        ),
        "standing": Step("account", 3, "name your AWS account"),
        "steps_in_all": IN_ALL,
        "page": Paginator(range(30), 10).page(2),
        "timeline": timeline,
        "timeline_bars": [(bar, "Compute analysis") for bar in timeline.bars],
        "moment": timezone.now() - timedelta(hours=3),
    }
    return render(request, "portal/gallery.html", context)


def _problem() -> Problem:
    finding = Finding(
        component=COMPONENT,
        check_code=ENTER_C,
        outcome=Finding.Outcome.DENIED,
        who=Finding.Who.CUSTOMER,
        title="AWS does not let us in",
        fix="Put the trust policy below in place.",
        detail="User: … is not authorized to perform: sts:AssumeRole",
    )
    remedy = Remedy(message="To the administrator of AWS account …", where="The role's trust policy, whole:", text="{}")
    return Problem(finding=finding, state="denied", number=1, remedy=remedy)


def _run(connection: Connection) -> dict[str, Any]:
    """What the chain picture draws: the last hop is refused."""
    problem = _problem()
    a, b = (
        Check(key=code, name="", state="passed", finding=Finding(check_code=code, outcome="passed"))
        for code in (ENTER_A, ENTER_B)
    )
    c = Check(key=ENTER_C, name="", state="denied", finding=problem.finding)
    hops = hops_of(
        a, b, c, connection=connection, external_id=connection.external_id, component_id=COMPONENT, problems=[problem]
    )
    return {
        "component_id": COMPONENT,
        "name": "Compute analysis",
        "role_name": "rolebridge-example-compute-analysis",
        "enter_component": a,
        "enter_integration": b,
        "enter_integration_hop": hops[1],
        "enter_customer_hop": hops[2],
        "customer_state": "denied",
        "hops": hops,
    }


def _timeline() -> Timeline:
    """A role that had every status, four days each."""
    now = timezone.now()
    changes = [
        StatusChange(component=COMPONENT, at=now - timedelta(days=28 - 4 * number), before=before, after=after)
        for number, (before, after) in enumerate(zip(Status.values, Status.values[1:], strict=False))
    ]
    role = CustomerRole(component=COMPONENT, status=Status.REMOVED, status_since=now)
    return timeline_of([role], changes, now=now)
