"""docs/staff-guide.md: its commands are run as they stand, and the buttons that it names are there."""

import re
import shlex
from io import StringIO

from django.core.management import call_command

from integrations.actions.connections import create_connection
from tenants.audit import SYSTEM
from tenants.models import User
from tenants.scope import tenant_scope
from tests.sandbox_server import ROOT

GUIDE = (ROOT / "docs" / "staff-guide.md").read_text()
COMMANDS = re.findall(r"^    python manage\.py (.+)$", GUIDE, re.MULTILINE)


def test_its_commands_make_a_member_of_staff_and_change_what_they_may_do(db) -> None:
    said = StringIO()

    for command in COMMANDS:
        call_command(*shlex.split(command), stdout=said)

    anna = User.objects.get(email="anna@vendor.example")
    assert len(COMMANDS) == 3
    assert (anna.is_staff, anna.is_superuser) == (True, False)
    assert anna.has_perm("integrations.use_emergency_stop")
    assert not anna.has_perm("tenants.manage_service_tokens")


def test_the_buttons_and_fields_that_it_names_are_on_the_pages(cast, sign_in) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)
    staff = sign_in(cast.staff)
    pages = {
        "a connection": staff.get(f"/admin/integrations/connection/{connection.pk}/change/").content.decode(),
        "a tenant": staff.get(f"/admin/tenants/tenant/{cast.tenant.pk}/change/").content.decode(),
    }

    buttons = re.findall(r"^\| (a connection|a tenant) \| ([^|]+) \|", GUIDE, re.MULTILINE)

    assert len(buttons) == 5
    for page, button in buttons:
        assert button in pages[page], button
    for page in pages.values():
        assert "message to send" in page.lower()
        assert "hop by hop" in page.lower()


def test_its_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
