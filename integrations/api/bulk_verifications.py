"""Asking for the verification of many connections at once, for programs."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions.bulk_verifications import request_verifications, request_verifications_of_failed
from integrations.actions.verifications import NotReady
from integrations.api.connections import not_ready, valid
from tenants.api.base import TenantAPIView
from tenants.api.schema import INVALID_BODY, operation
from tenants.api.serializers import InputSerializer
from tenants.permissions import Permission

MOST_AT_ONCE = 1000


class VerificationsInput(InputSerializer):
    """Which connections to verify: some by their ids, or all that did not pass."""

    connections = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        allow_empty=False,
        max_length=MOST_AT_ONCE,
        help_text="Ids of connections. Those that your organisation has not are left out.",
        error_messages={"not_a_list": "Give a list of ids of connections."},
    )
    failed = serializers.BooleanField(
        required=False, help_text="`true` for every connection that is unsafe, unreachable or degraded."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two.

        Raises:
            ValidationError: it is both or neither.
        """
        if bool(attrs.get("failed")) == ("connections" in attrs):
            raise serializers.ValidationError("Send either `connections`, or `failed` as true.")
        return attrs


class RequestedVerificationsSerializer(serializers.Serializer[Any]):
    """How many are verified."""

    count = serializers.IntegerField(
        read_only=True,
        help_text="Connections that are verified, a few at a time. Left out are those that cannot be, and those that "
        "are being verified already.",
    )


class RequestVerifications(TenantAPIView):
    """The verification of many connections. The schedule takes them up within seconds."""

    permissions = {"POST": Permission.VERIFY}

    @operation(
        "request_verifications",
        "Verify several connections",
        request=VerificationsInput,
        answers={202: RequestedVerificationsSerializer},
        problems=INVALID_BODY | {409: "We have paused all access for now."},
    )
    def post(self, request: Request) -> Response:
        """Verify some connections, or all that did not pass, a few at a time. Each connection's `last_verification`
        says how it ended.
        """
        wanted = valid(VerificationsInput(data=request.data))
        try:
            if "connections" in wanted:
                ids = wanted["connections"]
                count = request_verifications(tenant=self.tenant, by=self.actor, connection_ids=ids)
            else:
                count = request_verifications_of_failed(tenant=self.tenant, by=self.actor)
        except NotReady as error:
            raise not_ready(error) from error
        return Response({"count": count}, status=202)
