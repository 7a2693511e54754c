"""A form that is sent twice is done once, and answered the same both times.

Without JavaScript a double click sends a form twice, and the browser shows the second answer alone. A token that was in
the first one would be lost, and of two things made its owner would know one.

What names a form is its CSRF token: Django masks it anew each time a page is shown, so only the same form sent again
comes with the same one. Every form has it, and so every form is guarded where `once` is called: for all pages of
tenants (`tenants.access.member`), for those of support staff (`portal.middleware.AccessRules`), and where a signed-in
person accepts an invitation.

The answer is kept in the cache, sealed, since a secret may be in it that is shown once. Only the session that sent the
form is given it again, and only until it has sent another: whoever goes back to a form after that means it.

Whoever sends forms to do harm gets little of it: a session has one answer kept, and no long one, and of those who wait
for an answer, each in a thread of the web server, a person is one.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar
from uuid import uuid4

import redis
from cryptography.fernet import InvalidToken
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from tenants.page_in_hand import page_in_hand
from tenants.scope import let_go
from tenants.secrets import digest, seal, unseal

logger = logging.getLogger(__name__)

# Longer than any request lasts: a claim of which nothing more was heard is forgotten after it, as an answer is.
KEPT_SECONDS = 300
PATIENCE_SECONDS = 15.0  # how long the second waits for the first
LOOKS_EVERY_SECONDS = 0.05
MOST_KEPT = 256 * 1024  # characters; the page of a new secret has a tenth of it
_BEING_DONE = "being done"
_DONE = "done"  # the answer stands where its session has its last one

Answer = TypeVar("Answer", bound=HttpResponseBase)


def once(
    request: HttpRequest,
    answer: Callable[[], HttpResponseBase],
    *,
    admit: Callable[[], HttpResponseBase | None] = lambda: None,
) -> HttpResponseBase:
    """What `answer` gives, or, where the same form was sent before, what it gave then. No scope is open.

    A form that was refused, met a fault or led elsewhere first (`did_nothing`) did nothing: sent again it is done.

    Args:
        request: whose form it is. What is no form of somebody who is signed in is always done.
        answer: does what the form asks for, with all that it writes committed when it returns.
        admit: asked before a page is shown again: None where whoever asks may still see it, else where they go first.
            It raises what refuses them.
    """
    key = _key(request)
    if not key:
        return answer()
    # The session's key itself opens the session. (The release before kept something else as sent-form-of.)
    last = f"sent-form-answer-of:{digest(str(request.session.session_key))}"
    try:
        found = _claim(key, request)
    except redis.RedisError as error:
        # To do nothing at all for want of the cache would be the greater harm.
        logger.warning("A form is not guarded against being sent twice: the cache does not answer (%s)", error)
        return answer()
    if found is not None:
        return _again(request, _answered(key, last) if found == _DONE else None, admit)
    response: HttpResponseBase | None = None
    try:
        response = answer()
        if hasattr(response, "render") and callable(response.render):
            response = response.render()
    finally:
        _keep(key, last, request, response)
    return response


def did_nothing(response: Answer) -> Answer:
    """Mark an answer that leads elsewhere before anything was done, so that the form is done when it is sent again."""
    response.did_nothing = True  # type: ignore[attr-defined]  # the mark that `once` looks for
    return response


def _key(request: HttpRequest) -> str:
    """What the cache knows this form by; empty where the request is none."""
    if request.method != "POST" or not request.user.is_authenticated or not request.POST.get("csrfmiddlewaretoken"):
        return ""
    whose = [request.session.session_key, str(request.user.pk), request.get_full_path(), request.POST.urlencode()]
    if request.user.is_staff:  # whose pages ask for permissions: one that is withdrawn shows no page again
        whose += sorted(request.user.get_all_permissions())
    return f"sent-form:{digest(json.dumps(whose))}"


def _claim(key: str, request: HttpRequest) -> str | None:
    """None where the form is ours to do; else `_DONE`, or `_BEING_DONE` where it was not done while we waited.

    A person waits in one place alone, that of the latest form: its answer is the one that their browser shows.
    """
    until, waits, me = time.monotonic() + PATIENCE_SECONDS, f"sent-form-waits:{request.user.pk}", ""
    while not cache.add(key, _BEING_DONE, timeout=KEPT_SECONDS):
        if cache.get(key) == _DONE:
            return _DONE
        if not me:
            me = str(uuid4())
            cache.set(waits, me, timeout=KEPT_SECONDS)
        elif cache.get(waits) != me or time.monotonic() > until:
            return _BEING_DONE
        let_go()
        time.sleep(LOOKS_EVERY_SECONDS)
    return None


def _keep(key: str, last: str, request: HttpRequest, response: HttpResponseBase | None) -> None:
    """Keep the answer in the session's place, instead of the one before; or give the claim back where nothing was done
    or the answer is a stream that ends.
    """
    try:
        if _was_done(response):
            before, _sealed = cache.get(last) or ("", "")
            if before not in {"", key}:
                cache.delete(before)
            cache.set_many({last: (key, _sealed_answer(request, response)), key: _DONE}, timeout=KEPT_SECONDS)
        else:
            cache.delete(key)
    except redis.RedisError as error:  # who waits for it is told to look
        logger.warning("The answer of a form is not kept: the cache does not answer (%s)", error)


def _was_done(response: HttpResponseBase | None) -> TypeGuard[HttpResponse]:
    return isinstance(response, HttpResponse) and response.status_code < 400 and not hasattr(response, "did_nothing")


def _sealed_answer(request: HttpRequest, response: HttpResponse) -> str:
    """The answer as it is kept; empty where it is too long."""
    answered = json.dumps(
        {
            "status": response.status_code,
            "headers": dict(response.headers),
            "content": response.content.decode("latin-1"),  # each byte as it is
            "said": _messages(request) if "Location" in response.headers else [],
        }
    )
    return seal(answered) if len(answered) <= MOST_KEPT else ""


def _again(
    request: HttpRequest, answered: dict[str, Any] | None, admit: Callable[[], HttpResponseBase | None]
) -> HttpResponseBase:
    """What was answered before; where that is not known, the page that the form stands on."""
    if answered is None:
        messages.warning(request, _("This form was sent twice. Look whether it was done before you send it again."))
        return redirect(page_in_hand(request))
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


def _answered(key: str, last: str) -> dict[str, Any] | None:
    """What was answered; None where that is not kept: it is too long, another form of the session ended at the same
    moment, or another process kept it under another SECRET_KEY, while that is being changed.
    """
    try:
        kept_of, sealed = cache.get(last) or ("", "")
        if kept_of != key or not sealed:
            return None
        answered: dict[str, Any] = json.loads(unseal(sealed))
    except (redis.RedisError, InvalidToken):
        return None
    return answered


def _messages(request: HttpRequest) -> list[tuple[Any, str]]:
    """The level and text of each message that waits for the next page, where they go on waiting."""
    waiting = [(one.level, str(one.message)) for one in messages.get_messages(request)]
    for level, text in waiting:
        messages.add_message(request, level, text)
    return waiting
