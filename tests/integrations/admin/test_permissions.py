"""Whoever is made a member of staff may look, and needs a permission for more."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.models import EmergencyStop, IntegrationRole
from tenants.models import AuditEvent, User
from tenants.scope import staff_scope


def test_a_member_of_staff_is_made_who_may_look_and_no_more(cast) -> None:
    said = StringIO()

    call_command("staff", "New@vendor.example", stdout=said)
    call_command("staff", "new@vendor.example", "--may", "manage_service_tokens", stdout=said)
    call_command("staff", "new@vendor.example", "--may-not", "manage_service_tokens", stdout=said)

    user = User.objects.get(email="new@vendor.example")
    assert (user.is_staff, user.is_superuser, user.user_permissions.count()) == (True, False, 0)
    assert user.check_password(re.search(r"in person: (\S+)", said.getvalue())[1])
    with staff_scope():
        granted = AuditEvent.objects.filter(action="system:staff:permission_changed").order_by("pk")
        assert [event.data["granted"] for event in granted] == [True, False]
    with pytest.raises(CommandError, match="no member of the support staff"):
        call_command("staff", cast.owner.email, "--may", "use_emergency_stop")


def test_only_staff_with_the_permission_stop_everything_or_acknowledge(cast, staff) -> None:
    now = timezone.now()
    role = IntegrationRole.objects.create(role_arn="arn", role_id="AROA", first_seen_at=now)
    cast.staff.is_superuser = False
    cast.staff.save()
    stop = "/admin/integrations/emergencystop/"
    acknowledge = f"/admin/integrations/integrationrole/{role.pk}/acknowledge/"

    for url in (f"{stop}switch/", acknowledge):
        assert staff.post(url, {"wanted": "start", "reason": "Test"}).status_code == 403
    assert "You do not have the permission" in staff.get(stop).content.decode()
    assert EmergencyStop.objects.count() == 0

    call_command("staff", cast.staff.email, "--may", "use_emergency_stop", stdout=StringIO())

    for url in (f"{stop}switch/", acknowledge):
        assert staff.post(url, {"wanted": "start", "reason": "Test"}).status_code == 302
    assert EmergencyStop.objects.count() == 1
    role.refresh_from_db()
    assert role.acknowledged_at is not None
