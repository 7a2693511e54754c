"""The pages of a person's own data: what is kept about them, as a file, and the deletion of their account.

Only a session of the person's own reaches them. One that an organisation's provider opened does not: it speaks for that
organisation, and the account may be a member of others (docs/adr/0017).
"""

import time
from functools import partial

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from portal.second_factor import prove_it_first
from tenants.access import SignedInRequest, has_shown_what_is_asked, signed_in
from tenants.actions.accounts import (
    CannotDelete,
    delete_account,
    export_account,
    is_the_vendors,
    mail_deletion_code,
    owned_alone,
)
from tenants.audit import Actor
from tenants.forms import MailedCodeForm, TypedAddressForm
from tenants.limits import TooOften
from tenants.secrets import digest

CODE_SECONDS, CODE_ATTEMPTS = 600, 5
_MAILED = "account_deletion"  # in the session: what was mailed, as a digest, and how long and often it may be tried


@signed_in
def account_data(request: SignedInRequest) -> HttpResponse:
    """What a person can do with what is kept about them, and what keeps the account for now."""
    return render(request, "account/your_data.html", _obstacles(request))


@signed_in
def account_export(request: SignedInRequest) -> HttpResponseBase:
    """All that is kept about the person, as a file."""
    back = reverse("account_data")
    if request.method != "POST":
        return redirect(back)
    if elsewhere := prove_it_first(request, back):
        messages.info(request, _("Confirm that it is you. Then press the button once more."))
        return elsewhere
    try:
        document = export_account(
            user=request.user,
            by=Actor.user(request.user),
            may_read=partial(has_shown_what_is_asked, request),
        )
    except TooOften as refusal:
        messages.error(request, str(refusal))
        return redirect(back)
    response = StreamingHttpResponse(document, content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="rolebridge-your-data.json"'
    return response


@signed_in
def account_delete(request: SignedInRequest) -> HttpResponse:
    """Ask for the person's address, and mail a code to it."""
    if any(_obstacles(request).values()):
        return redirect("account_data")  # which says what they are
    if elsewhere := prove_it_first(request, request.path):
        return elsewhere
    form = TypedAddressForm(request.POST or None, email=request.user.email)
    if form.is_valid():
        try:
            code = mail_deletion_code(user=request.user)
        except TooOften as refusal:
            messages.error(request, str(refusal))
            return redirect("account_data")
        until = time.time() + CODE_SECONDS
        request.session[_MAILED] = {"digest": digest(code), "until": until, "attempts": CODE_ATTEMPTS}
        return redirect("account_delete_confirm")
    status = 422 if form.is_bound else 200
    return render(request, "account/delete.html", {"form": form}, status=status)


@signed_in
def account_delete_confirm(request: SignedInRequest) -> HttpResponse:
    """Ask for the code that was mailed, then delete the account."""
    if any(_obstacles(request).values()):
        return redirect("account_data")
    if elsewhere := prove_it_first(request, reverse("account_delete")):
        return elsewhere
    mailed = request.session.get(_MAILED)
    if mailed is None or mailed["attempts"] < 1 or mailed["until"] < time.time():
        messages.info(request, _("No code is waiting any more. Type your address, and we mail you one."))
        return redirect("account_delete")
    form = MailedCodeForm(request.POST or None)
    if form.is_valid():
        if not constant_time_compare(digest(form.cleaned_data["code"]), mailed["digest"]):
            request.session[_MAILED] = mailed | {"attempts": mailed["attempts"] - 1}
            form.add_error("code", _("This is not the code of our last mail."))
        else:
            return _deleted(request)
    status = 422 if form.is_bound else 200
    return render(request, "account/delete_confirm.html", {"form": form}, status=status)


def _deleted(request: SignedInRequest) -> HttpResponse:
    try:
        delete_account(user=request.user, by=Actor.user(request.user))
    except CannotDelete as refusal:
        messages.error(request, str(refusal))
        return redirect("account_data")
    logout(request)
    messages.success(request, _("Your account is deleted. We sent you a mail that says so."))
    return redirect("home")


def _obstacles(request: SignedInRequest) -> dict[str, object]:
    return {"is_the_vendors": is_the_vendors(request.user), "owned_alone": owned_alone(request.user)}
