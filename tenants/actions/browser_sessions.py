"""Sessions of browsers that have ended: Django leaves their rows to whoever cleans up."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

MOST_SESSIONS = 1000  # in one turn, so that no delete holds many locks


@transaction.atomic
def forget_ended_sessions() -> int:
    """Delete sessions that have ended, the oldest first, with the address and browser that are kept of each; how many.

    What somebody else holds, such as a session that begins anew just now, is left for the next turn.
    """
    ended = Session.objects.filter(expire_date__lt=timezone.now()).order_by("expire_date")
    keys = [one.pk for one in ended.select_for_update(skip_locked=True)[:MOST_SESSIONS]]
    UserSession.objects.filter(session_key__in=keys).delete()
    Session.objects.filter(pk__in=keys).delete()
    return len(keys)
