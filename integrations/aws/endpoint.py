"""The end of a line to AWS at which what is no answer of AWS's counts as none.

A proxy's error page, half an answer, a body in no format: botocore raises a parser's error for these, outside of its
own hierarchy and past its retries. Here they are a connection that closed, which is asked again and then given up.
"""

from typing import Any

from botocore.endpoint import Endpoint
from botocore.exceptions import ConnectionClosedError
from botocore.parsers import ResponseParserError


class AnsweringEndpoint(Endpoint):
    """botocore's endpoint; overrides a method that it does not document (see client_creator)."""

    def _do_get_response(self, request: Any, operation_model: Any, context: Any) -> Any:
        """What botocore gives: an answer and no exception, or no answer and the exception that stands for it."""
        try:
            return super()._do_get_response(request, operation_model, context)  # type: ignore[misc]  # not in the stubs
        except (ResponseParserError, UnicodeDecodeError):  # the second of bytes that are no UTF-8
            return None, ConnectionClosedError(endpoint_url=request.url)
