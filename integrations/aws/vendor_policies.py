"""Policy documents of the vendor's own side, for each of the three chains. Pure functions.

abac     component roles carry role tags and the integration role's trust asks for them, so it never grows with the
         number of components. A session tag counts as a principal tag too and overrides the role's own, so a tag
         alone could be forged: the trust also asks for the component roles' path, and refuses the tag keys it relies
         on where a session brings them along.
chained  the integration role's trust lists the component roles.
direct   there is no integration role: component roles enter the customer role themselves.
"""

from typing import Any, Literal

from integrations.aws.policies import MAX_TRUST_POLICY, PolicyDocument, PolicyTooLong, length_without_whitespace, policy
from integrations.aws.vendor import TRUST_TEST, UNTAGGED, VendorSettings
from integrations.catalogue import Catalogue

# Role tags of component roles, and session tags of the integration role's sessions.
PURPOSE = "Purpose"
COMPONENT = "Component"
PURPOSE_COMPONENT = "component"
PURPOSE_TRUST_TEST = TRUST_TEST
# Further session tags. Tenant, connection and component are transitive: the customer's CloudTrail shows them.
TENANT = "Tenant"
CONNECTION = "Connection"
EXTERNAL_ID = "ExternalId"

# How a trust policy names a role of our own account. `pinned`: the role itself, which AWS stores as its unique id, so a
# recreated role is somebody else. `account-root`: the account, and the role's ARN in a condition, which survives that.
TrustForm = Literal["pinned", "account-root"]

# What lets a role's policies be read and compared with what they should be.
READ_ROLE_ACTIONS = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"]

_PASS_CONTEXT = ["sts:SetSourceIdentity", "sts:TagSession"]


def component_role_tags(settings: VendorSettings, component_id: str) -> dict[str, str]:
    """The role tags of a component role, or of the trust-test role where `component_id` is `trust-test`."""
    purpose = PURPOSE_TRUST_TEST if component_id == TRUST_TEST else PURPOSE_COMPONENT
    return {settings.product_tag_key: settings.product_tag_value, PURPOSE: purpose, COMPONENT: component_id}


def untagged_role_tags() -> dict[str, str]:
    """Those of a component role, but for the product tag: what refuses the role can be that tag alone."""
    return {PURPOSE: PURPOSE_COMPONENT, COMPONENT: UNTAGGED}


def component_role_trust(settings: VendorSettings, trust_form: TrustForm = "pinned") -> PolicyDocument:
    """Who may become a component role, the trust-test role or the canary: the worker alone.

    Session tags are let through because some platforms (EKS Pod Identity) always bring some, but never the keys that
    the component role's own tags answer for.
    """
    return policy(
        [
            _let_in(settings, trust_form, "WorkerOnly", [settings.base_arn]),
            {
                "Sid": "NoForgedTags",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "ForAnyValue:StringEqualsIgnoreCase": {
                        "aws:TagKeys": [settings.product_tag_key, PURPOSE, COMPONENT]
                    }
                },
            },
        ]
    )


def component_role_policy(settings: VendorSettings) -> PolicyDocument:
    """What a component role may do: become the integration role; in the `direct` chain, enter customer roles."""
    if settings.chain == "direct":
        return policy(_enter_any_customer_role(settings))
    return policy(
        [
            {
                "Effect": "Allow",
                "Action": ["sts:AssumeRole", *_PASS_CONTEXT],
                "Resource": settings.integration_role_arn,
            }
        ]
    )


def integration_role_trust(
    settings: VendorSettings, catalogue: Catalogue, trust_form: TrustForm = "pinned"
) -> PolicyDocument:
    """Who may become the integration role; PolicyTooLong where `chained` lists more components than fit.

    In `abac` the principal is the account in either form: it is the conditions that name who gets in.
    """
    if settings.chain == "chained":
        return _integration_role_trust_by_list(settings, catalogue, trust_form)
    root = {"AWS": settings.account_root_arn}
    component_role = {
        "StringEquals": {f"aws:PrincipalTag/{settings.product_tag_key}": settings.product_tag_value},
        "ArnLike": {"aws:PrincipalArn": settings.component_roles_pattern},
    }
    return policy(
        [
            {
                "Sid": "TaggedComponentRoles",
                "Effect": "Allow",
                "Principal": root,
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    **component_role,
                    "StringEquals": {
                        **component_role["StringEquals"],
                        # What a session says of itself must be what its role's own tags say: no component can pose
                        # as another or as the trust-test.
                        f"aws:RequestTag/{PURPOSE}": f"${{aws:PrincipalTag/{PURPOSE}}}",
                        f"aws:RequestTag/{COMPONENT}": f"${{aws:PrincipalTag/{COMPONENT}}}",
                    },
                },
            },
            {
                "Sid": "PassSourceIdentity",
                "Effect": "Allow",
                "Principal": root,
                "Action": "sts:SetSourceIdentity",
                "Condition": component_role,
            },
            {
                "Sid": "NoForgedTags",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": [settings.product_tag_key]}},
            },
        ]
    )


def _integration_role_trust_by_list(
    settings: VendorSettings, catalogue: Catalogue, trust_form: TrustForm
) -> PolicyDocument:
    roles = [settings.component_role_arn(component.id) for component in catalogue.components]
    document = policy([_let_in(settings, trust_form, "ListedComponentRoles", [*roles, settings.trust_test_role_arn])])
    if (length := length_without_whitespace(document)) > MAX_TRUST_POLICY:
        raise PolicyTooLong(
            f"The integration role's trust policy would list {len(roles)} component roles in {length} characters; "
            f"IAM takes {MAX_TRUST_POLICY}. Use the chain 'abac', whose trust policy does not grow."
        )
    return document


def integration_role_policy(settings: VendorSettings) -> PolicyDocument:
    """What the integration role may do: enter customer roles.

    In `abac` a component's session enters only roles that carry the product tag, and only with the external ID that
    the session was opened for; a trust-test session enters with any external ID or none, for that is what it tests.
    """
    if settings.chain != "abac":
        return policy(_enter_any_customer_role(settings))
    any_role = f"arn:{settings.partition}:iam::*:role/*"
    return policy(
        [
            {
                "Sid": "ComponentSessions",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": any_role,
                "Condition": {
                    "StringEquals": {
                        f"aws:PrincipalTag/{PURPOSE}": PURPOSE_COMPONENT,
                        f"iam:ResourceTag/{settings.product_tag_key}": settings.product_tag_value,
                        "sts:ExternalId": f"${{aws:PrincipalTag/{EXTERNAL_ID}}}",
                    }
                },
            },
            {
                "Sid": "TrustTestSessions",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": any_role,
                "Condition": {"StringEquals": {f"aws:PrincipalTag/{PURPOSE}": PURPOSE_TRUST_TEST}},
            },
            {"Sid": "PassSessionContext", "Effect": "Allow", "Action": _PASS_CONTEXT, "Resource": any_role},
            _never_own_roles(settings),
        ]
    )


def canary_role_policy(settings: VendorSettings) -> PolicyDocument:
    """The canary may try any customer's role: a refusal by its own policy would say nothing of the customer's trust."""
    return policy(
        [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": f"arn:{settings.partition}:iam::*:role/*",
            },
            _never_own_roles(settings),
        ]
    )


def control_role_trust(settings: VendorSettings) -> PolicyDocument:
    """The control role trusts the whole vendor account: entering it proves that the caller's own policy allows it.

    It has no permissions.
    """
    return policy(
        [
            {
                "Effect": "Allow",
                "Principal": {"AWS": settings.account_root_arn},
                "Action": ["sts:AssumeRole", *_PASS_CONTEXT],
            }
        ]
    )


def stand_in_trust(settings: VendorSettings) -> PolicyDocument:
    """Like a customer role's, but with any external ID or none: only our own policies can refuse it.

    The principal is the account in either form: within one account, a trust policy that names a role lets it in
    whatever the role's own policy says, and it is that policy which is tried here. It has no permissions.
    """
    entering = settings.component_roles_pattern if settings.chain == "direct" else settings.integration_role_arn
    return policy([_let_in_by_condition(settings, "AnyExternalId", entering)])


def forger_trust(settings: VendorSettings, trust_form: TrustForm = "pinned") -> PolicyDocument:
    """The worker, with whatever session tags: outside the components' path no tag may help."""
    return policy([_let_in(settings, trust_form, "WorkerWithAnyTag", [settings.base_arn])])


def outsider_policy(settings: VendorSettings) -> PolicyDocument:
    """Lets a role try to become the integration role, so that only the integration role's own trust can refuse it.

    The control role is in the same statement: entering it proves that the statement is there.
    """
    return policy(
        [
            {
                "Effect": "Allow",
                "Action": ["sts:AssumeRole", *_PASS_CONTEXT],
                "Resource": [settings.integration_role_arn, settings.control_role_arn],
            }
        ]
    )


def worker_role_policy(settings: VendorSettings) -> PolicyDocument:
    """What the worker may do by itself: become a component role, the trust-test role, the canary or the forger, and
    read its own roles.
    """
    become = [settings.component_roles_pattern, settings.canary_role_arn]
    if settings.chain != "direct":
        become.append(settings.forger_role_arn)
    prefix = f"arn:{settings.partition}:iam::{settings.vendor_account_id}:role"
    own = [f"{prefix}{settings.role_path}*", f"{prefix}{settings.control_role_path}*"]
    if settings.base_principal_arn:
        own.append(settings.base_principal_arn)
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": ["sts:AssumeRole", *_PASS_CONTEXT], "Resource": become},
        {"Sid": "ReadOwnRoles", "Effect": "Allow", "Action": READ_ROLE_ACTIONS, "Resource": own},
    ]
    if settings.template_bucket:
        # Getting is for presigned addresses, which are worth what whoever signs them may do.
        actions = ["s3:GetObject", "s3:PutObject"]
        statements.append(
            {"Sid": "LaunchLinks", "Effect": "Allow", "Action": actions, "Resource": settings.templates_arn}
        )
    return policy(statements)


def template_bucket_policy(settings: VendorSettings) -> PolicyDocument | None:
    """What lets CloudFormation, as whoever makes the stack, read a template whose address it was given, and list none.

    None where there is no bucket, or where presigned addresses do without.
    """
    if not settings.template_bucket or settings.template_bucket_access == "presigned":
        return None
    return policy(
        [
            {
                "Sid": "ReadTemplates",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": settings.templates_arn,
                "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            }
        ]
    )


def _let_in(settings: VendorSettings, trust_form: TrustForm, sid: str, roles: list[str]) -> dict[str, Any]:
    """A statement that lets in `roles` of our own account, in either form."""
    if trust_form == "account-root":
        return _let_in_by_condition(settings, sid, roles[0] if len(roles) == 1 else roles)
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": roles[0] if len(roles) == 1 else roles},
        "Action": ["sts:AssumeRole", *_PASS_CONTEXT],
    }


def _let_in_by_condition(settings: VendorSettings, sid: str, roles: str | list[str]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": settings.account_root_arn},
        "Action": ["sts:AssumeRole", *_PASS_CONTEXT],
        "Condition": {"ArnLike": {"aws:PrincipalArn": roles}},
    }


def _enter_any_customer_role(settings: VendorSettings) -> list[dict[str, Any]]:
    return [
        {
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", *_PASS_CONTEXT],
            "Resource": f"arn:{settings.partition}:iam::*:role/*",
        },
        _never_own_roles(settings),
    ]


def _never_own_roles(settings: VendorSettings) -> dict[str, Any]:
    """No role of the vendor's own account, whatever it is for, but the two that can do nothing."""
    return {
        "Sid": "NeverOurOwnRoles",
        "Effect": "Deny",
        "Action": ["sts:AssumeRole", *_PASS_CONTEXT],
        "NotResource": [settings.control_role_arn, settings.stand_in_role_arn],
        "Condition": {"StringEquals": {"aws:ResourceAccount": settings.vendor_account_id}},
    }
