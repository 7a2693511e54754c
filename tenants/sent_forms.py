"""A form that is sent twice is done once, and answered the same both times.

Without JavaScript a double click sends a form twice, and the browser shows the second answer alone. A token that was in
the first one would be lost, and of two things made its owner would know one.

What names a form is its CSRF token: Django masks it anew each time a page is shown, so only the same form sent again
comes with the same one. Every form has it, and so every form is guarded where `once` is called: for all pages of
tenants (`tenants.access.member`), for those of support staff (`portal.middleware.AccessRules`), and where a signed-in
person accepts an invitation.

The answer is kept in the cache, sealed, since a secret may be in it that is shown once. Only the session that sent the
form is given it again, and only until it has sent another: whoever goes back to a form after that means it.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import redis
from cryptography.fernet import InvalidToken
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from tenants.scope import let_go
from tenants.secrets import digest, seal, unseal

logger = logging.getLogger(__name__)

# Longer than any request lasts: a claim of which nothing more was heard is forgotten after it, as an answer is.
KEPT_SECONDS = 300
PATIENCE_SECONDS = 15.0  # how long the second waits for the first
LOOKS_EVERY_SECONDS = 0.05
_BEING_DONE = "being done"


def once(
    request: HttpRequest,
    answer: Callable[[], HttpResponseBase],
    *,
    admit: Callable[[], HttpResponseBase | None] = lambda: None,
) -> HttpResponseBase:
    """What `answer` gives, or, where the same form was sent before, what it gave then. No scope is open.

    A form that was refused, or met a fault, did nothing: sent again it is done.

    Args:
        request: whose form it is. What is no form of somebody who is signed in is always done.
        answer: does what the form asks for, with all that it writes committed when it returns.
        admit: asked before a page is shown again: None where whoever asks may still see it, else where they go first.
            It raises what refuses them.
    """
    key = _key(request)
    if not key:
        return answer()
    try:
        kept = _claim(key)
    except redis.RedisError as error:
        # To do nothing at all for want of the cache would be the greater harm.
        logger.warning("A form is not guarded against being sent twice: the cache does not answer (%s)", error)
        return answer()
    if kept is not None:
        return _again(request, kept, admit)
    response: HttpResponseBase | None = None
    try:
        response = answer()
        if hasattr(response, "render") and callable(response.render):
            response = response.render()
    finally:
        _keep(key, request, response)
    return response


def _key(request: HttpRequest) -> str:
    """Where the answer of this form is kept; empty where the request is none."""
    if request.method != "POST" or not request.user.is_authenticated or not request.POST.get("csrfmiddlewaretoken"):
        return ""
    whose = [request.session.session_key, str(request.user.pk), request.get_full_path(), request.POST.urlencode()]
    if request.user.is_staff:  # whose pages ask for permissions: one that is withdrawn shows no page again
        whose += sorted(request.user.get_all_permissions())
    return f"sent-form:{digest(json.dumps(whose))}"


def _claim(key: str) -> str | None:
    """None where the form is ours to do; else its answer, or `_BEING_DONE` where none came while we waited."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not cache.add(key, _BEING_DONE, timeout=KEPT_SECONDS):
        kept: str | None = cache.get(key)
        if kept not in {None, _BEING_DONE}:
            return kept
        if time.monotonic() > until:
            return _BEING_DONE
        let_go()
        time.sleep(LOOKS_EVERY_SECONDS)
    return None


def _keep(key: str, request: HttpRequest, response: HttpResponseBase | None) -> None:
    """Keep the answer, or give the claim back where nothing was done or the answer is a stream that ends."""
    try:
        if isinstance(response, HttpResponse) and response.status_code < 400:
            answered = {
                "status": response.status_code,
                "headers": dict(response.headers),
                "content": response.content.decode("latin-1"),  # each byte as it is
                "said": _messages(request) if "Location" in response.headers else [],
            }
            last = f"sent-form-of:{digest(str(request.session.session_key))}"  # the key itself opens the session
            if (before := cache.get(last)) not in {None, key}:
                cache.delete(before)
            cache.set_many({key: seal(json.dumps(answered)), last: key}, timeout=KEPT_SECONDS)
        else:
            cache.delete(key)
    except redis.RedisError as error:  # who waits for it is told to look
        logger.warning("The answer of a form is not kept: the cache does not answer (%s)", error)


def _again(request: HttpRequest, kept: str, admit: Callable[[], HttpResponseBase | None]) -> HttpResponseBase:
    answered = _answered(kept)
    if answered is None:
        messages.warning(request, _("This form was sent twice. Look whether it was done before you send it again."))
        return redirect(request.get_full_path())
    if "Location" not in answered["headers"]:
        elsewhere = admit()
        return elsewhere or HttpResponse(
            answered["content"].encode("latin-1"), status=answered["status"], headers=answered["headers"]
        )
    said = [(level, text) for level, text in answered["said"]]
    if all(level < messages.WARNING for level, _text in said):
        said.append((messages.INFO, _("This form was sent twice; it was done once.")))
    waiting = _messages(request)  # those of the first answer too, where the browser has met that
    for level, text in said:
        if (level, text) not in waiting:
            messages.add_message(request, level, text)
    return HttpResponseRedirect(answered["headers"]["Location"])


def _answered(kept: str) -> dict[str, Any] | None:
    """What was answered; None where that is not known: it is still worked on, or another process kept it under another
    SECRET_KEY, while that is being changed.
    """
    if kept == _BEING_DONE:
        return None
    try:
        answered: dict[str, Any] = json.loads(unseal(kept))
    except InvalidToken:
        return None
    return answered


def _messages(request: HttpRequest) -> list[tuple[Any, str]]:
    """The level and text of each message that waits for the next page, where they go on waiting."""
    waiting = [(one.level, str(one.message)) for one in messages.get_messages(request)]
    for level, text in waiting:
        messages.add_message(request, level, text)
    return waiting
