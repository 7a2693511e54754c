"""What botocore's service models know: which calls there are, with which parameters."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore import xform_name
from botocore.exceptions import DataNotFoundError, UnknownServiceError
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


def check_reads_one_page(service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """Raise InvalidCall where the call reads what is in a resource, hands out credentials, or may answer with more than
    a page that the parameters bound. The call itself can be made (check_call).
    """
    if (service, operation) in _READS_CONTENTS or service in _HANDS_OUT_CREDENTIALS:
        raise InvalidCall(f"'{operation}' of '{service}' reads contents or hands out credentials; choose another call")
    model = ServiceModel(_model(service), service)
    name = next(candidate for candidate in model.operation_names if xform_name(candidate) == operation)
    if model.operation_model(name).has_streaming_output:
        raise InvalidCall(f"'{operation}' of '{service}' answers with contents; choose another call")
    limit = _page_sizes(service).get(name)
    names_what_it_asks_for = any(isinstance(value, list) and value for value in parameters.values())
    if limit and limit not in parameters and not names_what_it_asks_for:
        raise InvalidCall(f"'{operation}' answers in pages; give the smallest '{limit}' that AWS takes")


# Calls that only read, by their names, and whose answer holds what is in a customer's resource, or a secret.
_READS_CONTENTS = frozenset(
    {
        ("athena", "get_query_results"),
        ("codecommit", "get_blob"),
        ("codecommit", "get_file"),
        ("cognito-identity", "get_credentials_for_identity"),
        ("cognito-identity", "get_open_id_token"),
        ("dynamodb", "batch_get_item"),
        ("dynamodb", "get_item"),
        ("dynamodbstreams", "get_records"),
        ("ec2", "get_console_output"),
        ("ec2", "get_console_screenshot"),
        ("ec2", "get_password_data"),
        ("ecr", "get_authorization_token"),
        ("ecr-public", "get_authorization_token"),
        ("kinesis", "get_records"),
        ("lambda", "get_function"),
        ("logs", "get_log_events"),
        ("logs", "get_log_record"),
        ("logs", "get_query_results"),
        ("redshift", "get_cluster_credentials"),
        ("redshift", "get_cluster_credentials_with_iam"),
        ("redshift-data", "get_statement_result"),
        ("secretsmanager", "batch_get_secret_value"),
        ("secretsmanager", "get_secret_value"),
        ("ssm", "get_parameter"),
        ("ssm", "get_parameter_history"),
        ("ssm", "get_parameters"),
        ("ssm", "get_parameters_by_path"),
    }
)
_HANDS_OUT_CREDENTIALS = frozenset({"sso", "sts"})


@lru_cache(maxsize=64)
def _page_sizes(service: str) -> Mapping[str, str]:
    """By operation: the parameter that bounds a page, where it has one."""
    try:
        pages = Loader().load_service_model(service, "paginators-1")["pagination"]
    except DataNotFoundError:
        return {}
    return {name: page["limit_key"] for name, page in pages.items() if "limit_key" in page}


# Two at a time: a catalogue is read service by service, and the larger models take tens of megabytes.
@lru_cache(maxsize=2)
def _model(service: str) -> Mapping[str, Any]:
    model: Mapping[str, Any] = Loader().load_service_model(service, "service-2")
    return model
