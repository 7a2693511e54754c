"""What botocore's service models know: which calls there are, with which parameters."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator


class InvalidCall(ValueError):
    """The service, its operation or the parameters are not what botocore's model asks for."""


def check_call(service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """Raise InvalidCall unless boto3 could make this call; `operation` in boto3's snake_case."""
    try:
        model = ServiceModel(_model(service), service)
    except UnknownServiceError:
        raise InvalidCall(f"boto3 has no service '{service}'") from None
    name = next((candidate for candidate in model.operation_names if xform_name(candidate) == operation), None)
    if name is None:
        raise InvalidCall(f"boto3's '{service}' has no operation '{operation}'")
    shape = model.operation_model(name).input_shape
    if shape is None:
        if parameters:
            raise InvalidCall(f"'{operation}' takes no parameters")
        return
    report = ParamValidator().validate(dict(parameters), shape)
    if report.has_errors():
        raise InvalidCall(f"'{operation}' would be refused by boto3: {report.generate_report()}")


# Two at a time: a catalogue is read service by service, and the larger models take tens of megabytes.
@lru_cache(maxsize=2)
def _model(service: str) -> Mapping[str, Any]:
    model: Mapping[str, Any] = Loader().load_service_model(service, "service-2")
    return model
