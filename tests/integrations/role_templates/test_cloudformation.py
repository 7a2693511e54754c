"""The CloudFormation template: what is in it, its quotas, and that nothing can be smuggled into it."""

import json
import re
from functools import cache

import cfnlint
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from integrations.aws.arns import InvalidRoleName
from integrations.aws.permission_policies import RoleDoesNotFit
from integrations.aws.policies import InvalidExternalId
from integrations.aws.vendor import VendorAccountAsCustomer
from integrations.role_templates.cloudformation import TemplateTooLong, fits_in_a_call, render_json, render_yaml
from integrations.role_templates.names import role_name
from integrations.role_templates.options import InvalidRoleOption, RoleOptions
from tests.integrations.aws.builders import CUSTOMER, EXTERNAL_ID, VENDOR, make_settings
from tests.integrations.role_templates.builders import (
    CATALOGUE,
    EVERY_OPTION,
    big_component,
    documents_of,
    role_set,
)


def rendered(documents, **changes):
    return render_yaml(role_set(documents, **changes))


@cache
def plain():
    """What the template holds where no text is hostile."""
    return yaml.safe_load(rendered(documents_of()))


def lint(text):
    return [str(match) for match in cfnlint.lint(text)]


@pytest.mark.parametrize("render", [render_yaml, render_json])
@pytest.mark.parametrize("options", [{}, {"options": EVERY_OPTION}])
def test_a_template_is_clean_to_cfn_lint(render, options):
    assert lint(render(role_set(**options))) == []


def test_yaml_and_json_say_the_same():
    roles = role_set(options=EVERY_OPTION)

    assert yaml.safe_load(render_yaml(roles)) == json.loads(render_json(roles))


def test_boundary_tags_and_session_length_are_parameters_with_the_chosen_values_as_defaults():
    template = json.loads(render_json(role_set(options=EVERY_OPTION)))

    assert {name: parameter["Default"] for name, parameter in template["Parameters"].items()} == {
        "PermissionsBoundaryArn": EVERY_OPTION.boundary_arn,
        "MaxSessionSeconds": 7200,
        "Tag1Value": "Cloud platform",
        "Tag2Value": "",
    }
    role = template["Resources"]["LogAnalysisRole"]["Properties"]
    assert role["Tags"][2:] == [
        {"Key": "Team", "Value": {"Ref": "Tag1Value"}},
        {"Key": "cost-centre", "Value": {"Ref": "Tag2Value"}},
    ]


def test_cfn_lint_would_have_complained():
    broken = rendered(documents_of()).replace("AssumeRolePolicyDocument", "AssumeRolePolicy")

    assert lint(broken)


@pytest.mark.parametrize("chain", ["direct", "chained", "abac"])
@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws", "eu-central-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ],
)
def test_f05_every_rendered_role_asks_for_a_literal_external_id(chain, partition, region):
    vendor = make_settings(chain=chain, partition=partition, region=region)

    template = yaml.safe_load(rendered(documents_of(vendor=vendor)))

    assert len(template["Resources"]) == 2
    for resource in template["Resources"].values():
        assume, pass_context = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert assume["Action"] == "sts:AssumeRole"
        assert assume["Condition"] == {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
        assert pass_context["Action"] == ["sts:SetSourceIdentity", "sts:TagSession"]


def test_f08_the_trust_names_our_one_role():
    template = yaml.safe_load(rendered(documents_of()))

    for resource in template["Resources"].values():
        for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            assert statement["Principal"] == {"AWS": f"arn:aws:iam::{VENDOR}:role/rolebridge/integration"}


def test_f13_no_template_attaches_a_policy_managed_by_aws_or_uses_a_wildcard_action():
    text = rendered(documents_of())

    assert "ManagedPolicyArns" not in text
    assert not re.search(r"ReadOnlyAccess|SecurityAudit|ViewOnlyAccess|AdministratorAccess|PowerUserAccess", text)
    for resource in yaml.safe_load(text)["Resources"].values():
        for inline in resource["Properties"]["Policies"]:
            for statement in inline["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Allow"
                assert not any("*" in action for action in statement["Action"])


def test_nothing_that_decides_who_gets_in_is_left_to_fill_in():
    template = yaml.safe_load(rendered(documents_of()))

    assert set(template["Parameters"]) == {"PermissionsBoundaryArn", "MaxSessionSeconds"}
    role = template["Resources"]["ComputeAnalysisRole"]["Properties"]
    assert role["RoleName"] == "rolebridge-c1-compute-analysis"
    assert role["Path"] == "/"


def test_a_role_is_tagged_for_the_product_with_its_version():
    role = yaml.safe_load(rendered(documents_of()))["Resources"]["LogAnalysisRole"]["Properties"]

    assert role["Tags"] == [
        {"Key": "Product", "Value": "northwind"},
        {"Key": "Product-role-version", "Value": "1.0.0"},
    ]


def test_a_template_is_deterministic_and_says_what_it_is():
    text = rendered(documents_of())

    assert text == rendered(documents_of())
    assert text.startswith(f"# Northwind Insights: access to AWS account {CUSTOMER}, catalogue 1.0.0.\n")


def test_two_connections_fit_one_account():
    assert role_name("c1", "compute-analysis") != role_name("c2", "compute-analysis")


@pytest.mark.parametrize("reference", ["", "C1", "a-b", "x" * 17, "c1\n", "../c1"])
def test_a_connection_id_that_could_break_a_name_is_refused(reference):
    with pytest.raises(ValueError, match="short id"):
        role_name(reference, "compute-analysis")


def test_a_role_name_over_64_characters_is_refused():
    with pytest.raises(InvalidRoleName, match="at most 64"):
        role_name("c" * 16, "x" * 37)


def test_f20_no_template_is_made_for_the_vendors_own_account():
    with pytest.raises(VendorAccountAsCustomer):
        documents_of(account_id=VENDOR)


def test_two_external_ids_are_rendered_while_one_replaces_the_other():
    template = yaml.safe_load(rendered(documents_of(external_ids=(EXTERNAL_ID, "rb-next"))))

    assume = template["Resources"]["LogAnalysisRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert assume["Condition"]["StringEquals"]["sts:ExternalId"] == [EXTERNAL_ID, "rb-next"]


def test_a_component_of_400_actions_becomes_managed_policies_that_hold_every_action_once():
    component = big_component(400)

    template = yaml.safe_load(rendered(documents_of((component,))))

    resources = template["Resources"]
    assert "Policies" not in resources["BigOneRole"]["Properties"]
    pieces = [resource["Properties"] for name, resource in resources.items() if name != "BigOneRole"]
    assert 2 <= len(pieces) <= 8
    actions = []
    for piece in pieces:
        assert len(json.dumps(piece["PolicyDocument"], separators=(",", ":"))) <= 6144
        assert piece["Roles"] == [{"Ref": "BigOneRole"}]
        for statement in piece["PolicyDocument"]["Statement"]:
            actions += statement["Action"]
    assert sorted(actions) == [permission.action for permission in component.permissions]


def test_a_component_that_fits_in_no_way_is_refused_with_the_figures():
    with pytest.raises(RoleDoesNotFit, match=r"fill \d+ managed policies of 6144 characters; 8 fit"):
        documents_of((big_component(2000),))


def test_a_template_over_the_limit_of_a_call_goes_by_way_of_s3():
    many = tuple(big_component(400).model_copy(update={"id": f"big-a{number}"}) for number in range(4))

    assert fits_in_a_call(rendered(documents_of()))
    assert not fits_in_a_call(rendered(documents_of(many)))


def test_a_template_over_the_limit_of_s3_is_refused_with_the_figures():
    many = tuple(big_component(400).model_copy(update={"id": f"big-a{number}"}) for number in range(45))

    with pytest.raises(TemplateTooLong, match=r"has \d+ bytes; CloudFormation takes 1048576. Use the Terraform files"):
        rendered(documents_of(many))


hostile = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["x: y", "- x", "!!python/object:x", "a\nResources: {}", "# x", "'\"", "{}", "&a *a", "yes", "\u2028x", "\x85x"]
)


@given(product_name=hostile, version=hostile)
def test_no_text_of_ours_can_change_the_structure_of_a_template(product_name, version):
    text = rendered(documents_of(), product_name=product_name, catalogue_version=version)

    template = yaml.safe_load(text)
    assert set(template) == set(plain())
    assert template["Resources"] == plain()["Resources"]
    assert (
        template["Description"] == f"Read-only roles that let {product_name} analyse this account (catalogue {version})"
    )


@given(
    key=st.text(alphabet="abzABZ019 _.:/=+@-", min_size=1, max_size=20),
    value=st.text(alphabet="abzynYN019_.:/=+@-", min_size=1, max_size=20)
    | st.sampled_from(["yes", "1e3", "0o7", "null"]),
)
def test_a_tag_is_rendered_as_the_text_it_is(key, value):
    [document] = documents_of(CATALOGUE.components[:1])
    document = type(document)(**{**document.__dict__, "tags": ((key, value),)})

    role = yaml.safe_load(rendered([document]))["Resources"]["ComputeAnalysisRole"]["Properties"]

    assert role["Tags"] == [{"Key": key, "Value": value}]


@given(external_id=st.text(min_size=1, max_size=40))
def test_an_external_id_is_rendered_as_it_is_or_refused(external_id):
    try:
        documents = documents_of(CATALOGUE.components[:1], external_ids=(external_id,))
    except InvalidExternalId:
        return

    role = yaml.safe_load(rendered(documents))["Resources"]["ComputeAnalysisRole"]["Properties"]
    assume = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert assume["Condition"] == {"StringEquals": {"sts:ExternalId": external_id}}


@given(path=st.text(max_size=40).map(lambda inner: f"/{inner}/"))
def test_a_path_is_rendered_as_it_is_or_refused(path):
    try:
        documents = documents_of(CATALOGUE.components[:1], options=RoleOptions(path=path))
    except InvalidRoleOption:
        return

    assert yaml.safe_load(rendered(documents))["Resources"]["ComputeAnalysisRole"]["Properties"]["Path"] == path
