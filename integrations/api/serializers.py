"""What the API takes (`...Input`) and what it answers."""

from typing import Any

from rest_framework import serializers

from integrations.actions.messages import message_of
from integrations.catalogue import Component
from integrations.models import Connection, CustomerRole, Finding, Session, Status, StatusChange, Verification
from tenants.api.serializers import InputSerializer, NameField

_NAME_MESSAGES: dict[str, Any] = {
    "required": "Give the connection a name, such as that of the AWS account.",
    "blank": "Give the connection a name, such as that of the AWS account.",
    "null": "Give the connection a name, such as that of the AWS account.",
    "max_length": "The name is too long: use {max_length} characters at the most.",
    "invalid": "The name is a text.",
}
_ACCOUNT_MESSAGES: dict[str, Any] = {
    "invalid": "Give the account id as a text of 12 digits, in quotes.",
    "blank": "An AWS account id has 12 digits. Leave the field out if you do not know it yet.",
    "null": "An AWS account id has 12 digits. Leave the field out if you do not know it yet.",
    "max_length": "An AWS account id has 12 digits.",
}


class AccountIdField(serializers.CharField):
    """A text. A number is refused: it would lose the leading zeros that account ids may have."""

    def to_internal_value(self, data: Any) -> str:
        """The text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class ConnectionInput(InputSerializer):
    """A connection to make, or what to change of one."""

    refused_fields = {
        "external_id": "The external ID is made by us and is never chosen or changed. Leave this field out.",
        "status": "The status is what verifications found. Leave this field out.",
    }

    name = NameField(
        max_length=Connection._meta.get_field("name").max_length,
        help_text="What you call it.",
        error_messages=_NAME_MESSAGES,
    )
    account_id = AccountIdField(
        required=False,
        max_length=32,
        help_text="The AWS account: 12 digits; dashes and spaces are allowed.",
        error_messages=_ACCOUNT_MESSAGES,
    )
    components = serializers.ListField(
        child=serializers.CharField(max_length=40, error_messages={"invalid": "A component id is a text."}),
        required=False,
        max_length=100,
        help_text="Ids of components of the catalogue; all of them if left out.",
        error_messages={"not_a_list": "Give a list of component ids."},
    )


class ChosenComponentsInput(InputSerializer):
    """Some of a connection's components."""

    components = serializers.ListField(
        child=serializers.CharField(max_length=40, error_messages={"invalid": "A component id is a text."}),
        required=False,
        allow_empty=False,
        max_length=100,
        help_text="Ids of components of this connection; all of them if left out.",
        error_messages={
            "not_a_list": "Give a list of component ids.",
            "empty": "Name at least one component, or leave the field out for all.",
        },
    )


class CustomerRoleSerializer(serializers.ModelSerializer[CustomerRole]):
    """The role in your account for one component."""

    name = serializers.CharField(read_only=True, help_text="Its name in your account.")
    arn = serializers.CharField(
        read_only=True, allow_null=True, help_text="Its ARN; null as long as the AWS account is not known."
    )
    is_confirming = serializers.BooleanField(
        read_only=True,
        help_text="Whether it passed once: the second verification in a row that passes makes it connected, and comes "
        "by itself within seconds.",
    )
    deployed_version = serializers.CharField(
        read_only=True, help_text="The component's version that it was made for, as last seen; empty if not known."
    )

    class Meta:
        model = CustomerRole
        fields = [
            "component",
            "name",
            "arn",
            "status",
            "status_since",
            "is_confirming",
            "deployed_version",
            "removed_at",
        ]
        read_only_fields = fields


class VerificationInput(InputSerializer):
    """What to verify; nothing has to be said."""

    checks = serializers.ChoiceField(
        choices=Verification.Checks.choices,
        required=False,
        help_text="`all` unless you say `reachability`: the chain, and whose account it leads to, and no more.",
    )


class VerificationSerializer(serializers.ModelSerializer[Verification]):
    """One run that tests a connection's customer roles."""

    failure = serializers.CharField(
        read_only=True, help_text="Why no verdict was reached, as a stable code; empty otherwise."
    )

    class Meta:
        model = Verification
        fields = [
            "id",
            "connection_id",
            "checks",
            "state",
            "failure",
            "requested_by",
            "requested_at",
            "started_at",
            "finished_at",
            "catalogue_version",
        ]
        read_only_fields = fields


class FindingSerializer(serializers.ModelSerializer[Finding]):
    """The result of one check, with who must act and what to do."""

    check = serializers.CharField(source="check_code", read_only=True, help_text="Stable code of the check.")
    at = serializers.DateTimeField(source="created_at", read_only=True)
    message = serializers.SerializerMethodField(
        help_text="Plain text to forward to whoever must act; empty where that is nobody on the customer's side. It "
        "may name policies of the customer's organisation."
    )

    class Meta:
        model = Finding
        fields = [
            "check",
            "component",
            "action",
            "region",
            "outcome",
            "cause",
            "who",
            "title",
            "detail",
            "fix",
            "message",
            "duration_ms",
            "at",
        ]
        read_only_fields = fields

    def get_message(self, finding: Finding) -> str:
        return message_of(finding=finding, connection=finding.verification.connection)


class FindingCountSerializer(serializers.Serializer[Any]):
    """How many findings of one kind a verification had."""

    component = serializers.CharField()
    outcome = serializers.ChoiceField(choices=Finding.Outcome.choices)
    cause = serializers.CharField(help_text="Stable code; empty where it passed.")
    who = serializers.ChoiceField(choices=Finding.Who.choices)
    count = serializers.IntegerField(min_value=1)


class VerificationDetailSerializer(VerificationSerializer):
    """A verification with its findings, in the order in which they landed."""

    findings = FindingSerializer(many=True, read_only=True)
    rolled_up = FindingCountSerializer(
        many=True,
        read_only=True,
        allow_null=True,
        help_text="How many findings of each kind there were, once they are too old to be kept; null while they are "
        "there.",
    )

    class Meta(VerificationSerializer.Meta):
        fields = [*VerificationSerializer.Meta.fields, "findings", "rolled_up"]
        read_only_fields = fields


class StatusChangeSerializer(serializers.ModelSerializer[StatusChange]):
    """A customer role changed its status."""

    before = serializers.CharField(read_only=True, help_text="The former status; empty where the role is new.")
    after = serializers.CharField(read_only=True, help_text="The new status; empty where there is no role any more.")
    verification_id = serializers.UUIDField(
        read_only=True,
        allow_null=True,
        help_text="The verification that found it; null where another cause changed it.",
    )

    class Meta:
        model = StatusChange
        fields = ["id", "component", "at", "before", "after", "cause", "verification_id"]
        read_only_fields = fields


class SessionSerializer(serializers.ModelSerializer[Session]):
    """The receipt of one assumed-role session."""

    verification_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The verification that opened it; null once that is deleted."
    )
    role_id = serializers.CharField(read_only=True, help_text="The role's unique id in AWS, such as `AROA…`.")
    source_identity = serializers.CharField(read_only=True, help_text="`SourceIdentity`, as CloudTrail shows it.")
    tags = serializers.DictField(
        child=serializers.CharField(), read_only=True, help_text="The session tags, by their keys."
    )
    transitive_tag_keys = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Which of them the next session inherits."
    )
    policy_sha256 = serializers.CharField(
        read_only=True, help_text="SHA-256 of the session policy, in hex; empty where there was none."
    )
    request_id = serializers.CharField(read_only=True, help_text="Of the AssumeRole call that opened it.")
    packed_policy_percent = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="How full of session policy and tags it was, as STS says."
    )

    class Meta:
        model = Session
        fields = [
            "id",
            "verification_id",
            "component",
            "purpose",
            "opened_at",
            "expires_at",
            "role_arn",
            "role_id",
            "session_name",
            "source_identity",
            "tags",
            "transitive_tag_keys",
            "policy_sha256",
            "access_key_id",
            "request_id",
            "packed_policy_percent",
        ]
        read_only_fields = fields


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    """One AWS account of your organisation."""

    account_id = serializers.CharField(read_only=True, help_text="12 digits; empty as long as it is not known.")
    external_id = serializers.CharField(
        read_only=True, help_text="Made by us. Only a rotation, whose roles have all moved, replaces it."
    )
    status = serializers.ChoiceField(
        choices=Status.choices, read_only=True, help_text="The worst status of its customer roles."
    )
    paused_by_vendor = serializers.BooleanField(
        source="is_paused_by_vendor",
        read_only=True,
        help_text="Whether we paused all access for now: it comes back as it was.",
    )
    customer_roles = CustomerRoleSerializer(source="roles", many=True, read_only=True)
    last_verification = VerificationSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Connection
        fields = [
            "id",
            "name",
            "external_id",
            "account_id",
            "status",
            "paused_by_vendor",
            "customer_roles",
            "last_verification",
            "next_verification_at",
            "removal_requested_at",
            "removed_at",
            "created_at",
        ]
        read_only_fields = fields


class PermissionSerializer(serializers.Serializer[Any]):
    """One IAM action that a component needs."""

    action = serializers.CharField(read_only=True, help_text="Such as `ec2:DescribeInstances`.")
    reason = serializers.CharField(read_only=True, help_text="What it reads, and what for.")
    needed_for = serializers.CharField(read_only=True, help_text="What of the product stops without it.")
    sees_customer_data = serializers.BooleanField(read_only=True, help_text="Whether it can see data of yours.")


class ComponentSerializer(serializers.Serializer[Any]):
    """A part of the product that needs its own access."""

    id = serializers.CharField(read_only=True)
    version = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    summary = serializers.CharField(read_only=True)
    permissions = PermissionSerializer(many=True, read_only=True)

    def to_representation(self, component: Component) -> dict[str, Any]:
        """Each permission says what stops without it, be it the whole component."""
        shown: dict[str, Any] = super().to_representation(component)
        for entry, permission in zip(shown["permissions"], component.permissions, strict=True):
            entry["needed_for"] = component.what_stops_without(permission)
        return shown
