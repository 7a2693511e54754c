"""Staff find a verification, and read what it found without what is not theirs to read."""

from django.test import Client

from integrations.aws.errors import Refused
from integrations.aws.findings import judge_probe_failure
from integrations.models import Verification
from tests.integrations.admin.builders import LIST, connect, verified


def test_a_verification_is_found_by_its_id_and_by_what_it_verified(cast, staff) -> None:
    connection = connect(cast.tenant)
    verification = verified(connection)
    verified(connect(cast.other_tenant, account_id="999988887777"))

    for term in (str(verification.pk), connection.account_id, connection.external_id, cast.tenant.name):
        rows = staff.get("/admin/integrations/verification/", {"q": term}).context["cl"].result_list
        assert [row.pk for row in rows] == [verification.pk], term


def test_findings_are_shown_hop_by_hop(cast, staff) -> None:
    verification = verified(
        connect(cast.tenant),
        {"outcome": "passed", "check_code": "chain.component_to_integration", "title": "First hop"},
        {"outcome": "passed", "check_code": "chain.integration_to_customer", "title": "Second hop"},
        {"outcome": "denied", "action": "logs:DescribeLogGroups", "region": "eu-west-1", "title": "Missing"},
    )

    page = staff.get(f"/admin/integrations/verification/{verification.pk}/change/").content.decode()

    assert page.index("First hop") < page.index("Second hop") < page.index("Missing")
    assert "logs:DescribeLogGroups" in page
    assert "eu-west-1" in page


def pages_that_show(staff: Client, verification: Verification) -> list[str]:
    """What staff see of a verification: its own page, its connection's and its tenant's."""
    addresses = (
        f"/admin/integrations/verification/{verification.pk}/change/",
        f"{LIST}{verification.connection_id}/change/",
        f"/admin/tenants/tenant/{verification.tenant_id}/change/",
    )
    return [staff.get(address).content.decode() for address in addresses]


def test_what_is_the_customers_organisations_own_is_redacted_for_staff(cast, staff) -> None:
    text = "explicit deny in a service control policy: arn:aws:organizations::1:policy/o-abcdefghij/scp/p-abcdefgh"
    connection = connect(cast.tenant)
    verification = verified(
        connection,
        {
            "outcome": "denied",
            "who": "customer_organisation",
            "title": "Blocked by p-abcdefgh",
            "detail": text,
            "fix": "Ask about ou-abcd-12345678.",
        },
    )

    for page in pages_that_show(staff, verification):
        assert "[organisation]" in page
        for secret in ("o-abcdefghij", "p-abcdefgh", "ou-abcd-12345678"):
            assert secret not in page


def test_ec2s_encoded_reason_is_redacted_for_staff_in_the_text_and_in_the_command(cast, staff) -> None:
    text = "You are not authorized to perform this operation. Encoded authorization failure message: c2VjcmV0-_Zx"
    verdict = judge_probe_failure(Refused("UnauthorizedOperation", text))
    assert "c2VjcmV0" in verdict.fix
    connection = connect(cast.tenant)
    verification = verified(
        connection,
        {
            "outcome": "denied",
            "who": "customer",
            "action": "ec2:DescribeInstances",
            "cause": verdict.cause,
            "title": verdict.title,
            "detail": text,
            "fix": verdict.fix,
        },
    )

    for page in pages_that_show(staff, verification):
        assert "--encoded-message [encoded]" in page
        assert "c2VjcmV0" not in page
