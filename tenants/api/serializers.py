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
    """Reads a body and refuses what it does not know: a field that is dropped in silence misleads a program. So does a
    number that is taken for a text, or a text for a truth value.

    `refused_fields` says why a field that somebody may well try is refused. Where `typed` is false, everything comes as
    text (query parameters).
    """

    refused_fields: dict[str, str] = {}
    typed = True

    default_error_messages = {"invalid": "Send a JSON object."}

    def to_internal_value(self, data: Any) -> Any:
        """The input, checked.

        Raises:
            ValidationError: with what is wrong in each field, unknown ones included.
        """
        fields = data if isinstance(data, Mapping) else {}
        refused: dict[str, Any] = {field: [self._refusal(field)] for field in fields if field not in self.fields}
        if self.typed:
            for name, field in self.fields.items():
                if name in fields and not _is_of_type(field, fields[name]):
                    message = getattr(field, "child", field).error_messages["invalid"]
                    refused[name] = [serializers.ErrorDetail(str(message), code="invalid")]
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not refused or not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**error.detail, **refused}) from None
        if refused:
            raise serializers.ValidationError(refused)
        return value

    def _refusal(self, field: str) -> serializers.ErrorDetail:
        if reason := self.refused_fields.get(field):
            return serializers.ErrorDetail(reason, code="read_only")
        known = f"This takes: {', '.join(self.fields)}." if self.fields else "This takes no fields."
        return serializers.ErrorDetail(f"There is no such field here. {known}", code="unknown_field")


def _is_of_type(field: Any, value: Any) -> bool:
    """Whether a value has the JSON type of its field; of a list or an object, each entry. What is no list, no object or
    null is the field's own to judge.
    """
    if isinstance(field, serializers.ListField | serializers.DictField):
        entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return all(_is_of_type(field.child, entry) for entry in entries)
    if value is None:
        return True
    if isinstance(field, serializers.BooleanField):
        return isinstance(value, bool)
    if isinstance(field, serializers.IntegerField):
        return not isinstance(value, bool | str)
    return isinstance(value, str) or not isinstance(field, serializers.CharField)


class NothingSerializer(InputSerializer):
    """A body with nothing in it: an action that takes no input."""
