"""Members of a tenant: seen, given another role, removed; and leaving."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.access import MemberRequest, member
from tenants.actions import members as actions
from tenants.actions.members import LastOwner, NotAllowed
from tenants.audit import Actor
from tenants.forms import RoleForm
from tenants.models import Invitation, Member
from tenants.permissions import Permission, Role


@member(Permission.VIEW)
def members(request: MemberRequest) -> HttpResponse:
    """Who is a member, and who is invited."""
    context: dict[str, object] = {
        "section": "members",
        "members": Member.objects.filter(tenant_id=request.tenant.pk)
        .select_related("user")
        .order_by("created_at", "pk"),
        "now": timezone.now(),
    }
    if request.member.may(Permission.ADMINISTER):
        context["invitations"] = (
            Invitation.objects.filter(tenant_id=request.tenant.pk, accepted_at=None, revoked_at=None)
            .select_related("invited_by")
            .order_by("-created_at")
        )
    return render(request, "tenants/members.html", context)


@member(Permission.ADMINISTER)
def member_edit(request: MemberRequest, user_id: UUID) -> HttpResponse:
    """A member's role, changed by posting another one."""
    changed = get_object_or_404(Member.objects.select_related("user"), tenant_id=request.tenant.pk, user_id=user_id)
    form = RoleForm(request.POST or None, acting=request.member, initial={"role": changed.role})
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                actions.change_role(
                    member=changed,
                    role=Role(form.cleaned_data["role"]),
                    acting=request.member,
                    by=Actor.user(request.user),
                )
            except (LastOwner, NotAllowed) as refusal:
                form.add_error("role", str(refusal))
            else:
                messages.success(
                    request,
                    _("%(who)s is now: %(role)s.")
                    % {"who": changed.user.email, "role": Role(form.cleaned_data["role"]).label},
                )
                return redirect("members", tenant_id=request.tenant.pk)
        status = 422
    context = {"section": "members", "changed": changed, "form": form}
    return render(request, "tenants/member.html", context, status=status)


@member(Permission.ADMINISTER)
def member_remove(request: MemberRequest, user_id: UUID) -> HttpResponse:
    """Ask once more, then end the membership."""
    removed = get_object_or_404(Member.objects.select_related("user"), tenant_id=request.tenant.pk, user_id=user_id)
    if request.method != "POST":
        return render(request, "tenants/member_remove.html", {"section": "members", "removed": removed})
    try:
        actions.remove_member(member=removed, acting=request.member, by=Actor.user(request.user))
    except (LastOwner, NotAllowed) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("%s is no member any more.") % removed.user.email)
    return redirect("members", tenant_id=request.tenant.pk)


@member(Permission.OWN)
def ownership_transfer(request: MemberRequest, user_id: UUID) -> HttpResponse:
    """Ask once more, then hand ownership over."""
    to = get_object_or_404(Member.objects.select_related("user"), tenant_id=request.tenant.pk, user_id=user_id)
    if request.method != "POST":
        return render(request, "tenants/ownership_transfer.html", {"section": "members", "to": to})
    try:
        actions.transfer_ownership(to=to, acting=request.member, by=Actor.user(request.user))
    except NotAllowed as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("%s is owner now, and you are an admin.") % to.user.email)
    return redirect("members", tenant_id=request.tenant.pk)


@member(Permission.VIEW)
def leave(request: MemberRequest) -> HttpResponse:
    """Ask once more, then end one's own membership."""
    if request.method != "POST":
        return render(request, "tenants/leave.html", {"section": "members"})
    try:
        actions.leave(member=request.member, by=Actor.user(request.user))
    except LastOwner as refusal:
        messages.error(request, str(refusal))
        return redirect("members", tenant_id=request.tenant.pk)
    messages.success(request, _("You are no member of %s any more.") % request.tenant.name)
    return redirect("organisations")
