"""The query parameters of lists. A parameter that a list does not know is refused, like a field of a body."""

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from rest_framework import serializers

from tenants.api.serializers import InputSerializer

USUAL_PAGE = 50
LONGEST_PAGE = 200
_OF_THE_PAGE = ("cursor", "page_size")  # which the paginator reads


class Filters(InputSerializer):
    """What a list can be filtered by. A field's `source` is the look-up that it stands for, unless the class has a
    method `filter_FIELD(rows, value)`.

    `orderings` names what the list can be ordered by, the usual order first.
    """

    typed = False
    orderings: tuple[str, ...] = ()

    cursor = serializers.CharField(
        required=False, help_text="Where the page begins: take it from `next` or `previous` of another page."
    )
    page_size = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_PAGE,
        help_text=f"How many entries a page has: {USUAL_PAGE} unless asked.",
    )

    def get_fields(self) -> dict[str, Any]:
        """The declared fields, and `ordering`."""
        fields = super().get_fields()
        if self.orderings:
            choices = [sign + name for name in self.orderings for sign in ("", "-")]
            fields["ordering"] = serializers.ChoiceField(
                choices=choices, required=False, help_text=f"`{self.orderings[0]}` unless asked; `-` turns it round."
            )
        return fields

    @classmethod
    def applied(cls, rows: "QuerySet[Any]", query: QueryDict) -> "tuple[QuerySet[Any], str | None]":
        """The rows that the query asks for, and their order where it says one.

        Raises:
            ValidationError: a parameter is unknown, given twice, or not valid.
        """
        if twice := [name for name, values in query.lists() if len(values) > 1]:
            raise serializers.ValidationError({name: ["Give this once."] for name in twice})
        filters = cls(data={name: query[name] for name in query})
        filters.is_valid(raise_exception=True)
        wanted = {name: value for name, value in filters.validated_data.items() if name not in _OF_THE_PAGE}
        ordering = wanted.pop("ordering", None)
        for name, value in wanted.items():
            special = getattr(filters, f"filter_{name}", None)
            rows = special(rows, value) if special else rows.filter(**{name: value})
        return rows, ordering
