"""What a message takes along, so that what a worker does can be joined with what asked for it: request id and trace.

And what a worker begins with: its own metrics and traces.
"""

from contextvars import Token
from threading import get_ident
from typing import Any
from uuid import UUID

from celery import signals
from opentelemetry import context, trace
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import SpanKind, Status, StatusCode

from portal.memory import leave_loaded_modules_alone
from portal.tracing import start_tracing
from tenants.request_id import request_id

REQUEST_ID = "rolebridge_request_id"
_tracer = trace.get_tracer("rolebridge.queue")
# By message and thread: one that its worker could not acknowledge comes again, perhaps while it is still worked on.
_under_way: dict[tuple[str, int], tuple[Any, Any, Token[str]]] = {}


@signals.worker_init.connect
def _begin(**_: Any) -> None:
    from portal.metrics import serve_metrics  # when the apps are loaded

    start_tracing("worker")
    serve_metrics()


@signals.worker_ready.connect
def _settle(**_: Any) -> None:
    leave_loaded_modules_alone()


@signals.before_task_publish.connect
def _send_along(headers: dict[str, Any], **_: Any) -> None:
    inject(headers)
    if current := request_id.get():
        headers[REQUEST_ID] = current


@signals.task_prerun.connect
def _take_up(task_id: str, task: Any, **_: Any) -> None:
    carrier = {name: task.request.get(name) for name in ("traceparent", "tracestate") if task.request.get(name)}
    span = _tracer.start_span(
        task.name, context=extract(carrier), kind=SpanKind.CONSUMER, attributes={"messaging.message.id": task_id}
    )
    attached = context.attach(trace.set_span_in_context(span))
    _under_way[task_id, get_ident()] = span, attached, request_id.set(_id_in(task.request.get(REQUEST_ID)))


@signals.task_postrun.connect
def _let_go(task_id: str, state: str | None = None, **_: Any) -> None:
    if (task_id, get_ident()) not in _under_way:
        return
    span, attached, token = _under_way.pop((task_id, get_ident()))
    if state == "FAILURE":
        span.set_status(Status(StatusCode.ERROR))
    span.end()
    request_id.reset(token)
    context.detach(attached)


def _id_in(text: Any) -> str:
    """A queue is no place to trust: what is no id of ours does not reach a log line."""
    try:
        return str(UUID(text))
    except (ValueError, TypeError, AttributeError):
        return ""
