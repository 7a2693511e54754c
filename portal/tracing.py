"""OpenTelemetry traces, from page or API through the queue to each call to AWS; off unless an endpoint is set.

OpenTelemetry's own variables say where spans go and how many: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`,
`OTEL_SERVICE_NAME`. Without an endpoint no span is recorded, and what would record and send spans is not even
imported (redis imports the SDK's metrics all the same). A span holds ids and names of operations, and no parameter,
address or text of anybody's.
"""

import os
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from tenants.request_id import request_id

_tracer = trace.get_tracer("rolebridge.portal")


def is_wanted() -> bool:
    """Whether this process is to send spans."""
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))


def start_tracing(process: str) -> None:
    """Send this process's spans from now on, where an endpoint is set. After the last fork: it starts a thread.

    Args:
        process: `web` or `worker`; the service's name is `rolebridge-` and this, unless OTEL_SERVICE_NAME says other.
    """
    if not is_wanted():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # where traces are on alone
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", f"rolebridge-{process}")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def trace_requests(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A span for each request, named after the pattern of its address."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with _tracer.start_as_current_span(str(request.method), kind=SpanKind.SERVER) as span:
            response = get_response(request)
            route = request.resolver_match.route if request.resolver_match else "none"
            span.update_name(f"{request.method} /{route}")
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", response.status_code)
            span.set_attribute("rolebridge.request_id", request_id.get())
            if response.status_code >= 500:
                span.set_status(Status(StatusCode.ERROR))
            return response

    return middleware
