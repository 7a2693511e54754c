"""Staff find a session by what a customer's log says of it."""

from tenants.scope import tenant_scope
from tests.integrations.admin.builders import connect, verified
from tests.receipts import open_session


def test_a_session_is_found_by_what_stands_in_a_customers_log(cast, staff) -> None:
    verification, other = verified(connect(cast.tenant)), verified(connect(cast.other_tenant, account_id="9" * 12))
    with tenant_scope(cast.tenant.pk):
        session = open_session(verification)
    with tenant_scope(cast.other_tenant.pk):
        open_session(other, 2, source_identity="another")

    for term in (session.access_key_id, session.request_id, session.session_name, session.source_identity):
        answer = staff.get("/admin/integrations/session/", {"q": term})
        assert [row.pk for row in answer.context["cl"].result_list] == [session.pk], term
        assert session.access_key_id in answer.content.decode()
