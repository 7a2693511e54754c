"""What input serializers share."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from tenants.names import clean_name, is_readable


class NameField(serializers.CharField):
    """What somebody calls something (`tenants.names`)."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """The name as it is kept.

        Raises:
            ValidationError: it is empty, too long, or holds what nobody can see.
        """
        if isinstance(data, str) and is_readable(data):
            try:
                data = clean_name(data)
            except DjangoValidationError as error:
                raise serializers.ValidationError(error.messages, code=error.code) from None
        return super().run_validation(data)


class InputSerializer(serializers.Serializer[Any]):
    """Reads a body and refuses what it does not know: a field that is dropped in silence misleads a program.

    `refused_fields` says why a field that somebody may well try is refused.
    """

    refused_fields: dict[str, str] = {}

    default_error_messages = {"invalid": "Send a JSON object."}

    def to_internal_value(self, data: Any) -> Any:
        """The input, checked.

        Raises:
            ValidationError: with what is wrong in each field, unknown ones included.
        """
        fields = data if isinstance(data, Mapping) else ()
        unknown = {field: [self._refusal(field)] for field in fields if field not in self.fields}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not unknown or not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**error.detail, **unknown}) from None
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def _refusal(self, field: str) -> serializers.ErrorDetail:
        if reason := self.refused_fields.get(field):
            return serializers.ErrorDetail(reason, code="read_only")
        known = f"This takes: {', '.join(self.fields)}." if self.fields else "This takes no fields."
        return serializers.ErrorDetail(f"There is no such field here. {known}", code="unknown_field")


class NothingSerializer(InputSerializer):
    """A body with nothing in it: an action that takes no input."""
