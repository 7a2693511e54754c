"""`/livez` and `/readyz`: for orchestrators and monitors."""

import logging
import time
from collections.abc import Callable

from celery import current_app
from django.core.cache import cache
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse

from integrations.actions.catalogue_releases import check_release
from integrations.actions.emergency_stop import active_stop
from integrations.actions.vendor_identity import alarms
from integrations.aws.report import Outcome
from integrations.aws.verify import check_vendor_identity
from integrations.vendor import vendor_settings
from tenants.access import public

logger = logging.getLogger(__name__)
VENDOR_IDENTITY_SECONDS = 60


@public
def livez(_request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@public
def readyz(_request: HttpRequest) -> JsonResponse:
    """What this process depends on answers too: 200, or 503 with what does not. Says what failed, never why in detail:
    the reasons are in the log.
    """
    results = {
        name: _checked(check)
        for name, check in (
            ("database", _database),
            ("broker", _broker),
            ("cache", _cache),
            ("catalogue", _catalogue),
            ("vendor_identity", _vendor_identity),
        )
    }
    ready = all(result["ok"] for result in results.values())
    # An alarm makes nobody unready: customers are to read why nothing is verified.
    answer = {"ready": ready, "checks": results, "alarms": alarms() if results["database"]["ok"] else []}
    return JsonResponse(answer, status=200 if ready else 503)


def _checked(check: Callable[[], bool]) -> dict[str, object]:
    started = time.perf_counter()
    try:
        ok = check()
    except Exception:
        logger.exception("Not ready")
        ok = False
    return {"ok": ok, "milliseconds": round((time.perf_counter() - started) * 1000)}


def _database() -> bool:
    for alias in ("default", "staff"):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    return True


def _broker() -> bool:
    with current_app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=2)
    return True


def _cache() -> bool:
    cache.set("readyz", 1, timeout=10)
    return bool(cache.get("readyz") == 1)


def _catalogue() -> bool:
    """Whether the catalogue file is in force as it stands, and may follow the last release."""
    check_release()
    return True


def _vendor_identity() -> bool:
    """Whether we can become the integration role; asked of AWS once a minute at most, and not while all is stopped."""
    if active_stop() is not None:
        return True
    known = cache.get("readyz:vendor_identity")
    if known is None:
        known = check_vendor_identity(vendor_settings()).outcome == Outcome.PASSED
        # A failure is asked for again soon, so that readiness comes back soon after the fix.
        cache.set("readyz:vendor_identity", known, timeout=VENDOR_IDENTITY_SECONDS if known else 5)
    return bool(known)
