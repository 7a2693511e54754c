"""The last verifications for support staff: how far each chain got, and what to send to the customer.

AWS's own words may name the customer's organisation and its policies: that is the customer's to see, not the staff's.
"""

from collections.abc import Iterable
from itertools import groupby

from django.db.models import QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from integrations.actions.messages import message_of
from integrations.admin.labels import label, lines
from integrations.admin.overview import NOT_WELL
from integrations.aws.checks.chain import TO_A, TO_B, TO_C
from integrations.aws.errors import redact
from integrations.models import Finding

_HOPS = {TO_A: "to A", TO_B: "to B", TO_C: "to C"}
MOST_FINDINGS = 200  # of one page; more than that says the same again and again


def hops(findings: QuerySet[Finding]) -> SafeString | str:
    """A line for each connection and component: how each hop of its chain ended."""
    wanted = findings.filter(check_code__in=_HOPS).select_related("verification__connection")
    ordered = wanted.order_by("verification__connection__name", "verification_id", "component", "id")[:MOST_FINDINGS]
    shown = []
    for (_, component), of_role in groupby(ordered, key=lambda found: (found.verification_id, found.component)):
        hops_of_role = list(of_role)
        name = hops_of_role[0].verification.connection.name
        ends = ((_HOPS[found.check_code], label(Finding.Outcome(found.outcome))) for found in hops_of_role)
        parts = format_html_join(" → ", "{} {}", ends)
        shown.append(format_html("{}, {}: {}", name, component, parts))
    return lines(*shown) or "never verified"


def with_causes(findings: QuerySet[Finding]) -> QuerySet[Finding]:
    """Those after which somebody must act, with what a message about them takes."""
    not_well = findings.filter(outcome__in=NOT_WELL).exclude(who=Finding.Who.NOBODY)
    return not_well.select_related("verification__connection").order_by("verification_id", "id")


def message(findings: QuerySet[Finding]) -> SafeString | str:
    """Who must act and what to do, once each, and the texts to send, without what is the customer's alone."""
    found = list(findings[:MOST_FINDINGS])
    to_do = [
        f"{Finding.Who(finding.who).label}: {redact(finding.title)}. {redact(finding.fix)}"
        for finding in found
        if finding.fix
    ]
    texts = [redact(message_of(finding=finding, connection=finding.verification.connection)) for finding in found]
    if not to_do and not any(texts):
        return "nothing"
    return format_html("{}{}", lines(*dict.fromkeys(to_do)), _texts(dict.fromkeys(text for text in texts if text)))


def _texts(texts: Iterable[str]) -> SafeString:
    together = "\n\n".join(texts)
    if not together:
        return SafeString("")
    return format_html('<pre class="whitespace-pre-wrap break-all mt-4" id="message-to-send">{}</pre>', together)
