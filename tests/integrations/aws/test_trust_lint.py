"""What the trust linter sees, and that the template's own trust policy is clean to it."""

import copy

import pytest

from integrations.aws.policies import customer_trust_policy
from integrations.aws.report import Outcome
from integrations.aws.trust_lint import lint_trust
from tests.integrations.aws.builders import CUSTOMER, EXTERNAL_ID, VENDOR

B = f"arn:aws:iam::{VENDOR}:role/rolebridge/integration"
ROOT = f"arn:aws:iam::{VENDOR}:root"


def lint(document, external_ids=(EXTERNAL_ID,)):
    return lint_trust(document, principal_arn=B, account_root_arn=ROOT, external_ids=external_ids)


def causes(document, **options):
    return {problem.cause for problem in lint(document, **options)}


@pytest.fixture
def trust():
    return copy.deepcopy(customer_trust_policy(B, [EXTERNAL_ID]))


def with_principal(trust, principal):
    for statement in trust["Statement"]:
        statement["Principal"] = principal
    return trust


def test_the_templates_trust_policy_is_clean(trust):
    assert lint(trust) == ()


def test_every_fix_says_what_undoes_a_change_by_hand(trust):
    spoilt = with_principal(trust, "*")
    spoilt["Statement"].pop()

    problems = lint(spoilt)

    assert len(problems) > 2
    for problem in problems:
        assert "unless a change set is told to revert drift" in problem.fix


def test_the_account_root_form_is_clean():
    assert lint(customer_trust_policy(B, [EXTERNAL_ID], account_root_arn=ROOT)) == ()


def test_both_external_ids_of_a_rotation_are_clean():
    assert lint(customer_trust_policy(B, [EXTERNAL_ID, "rb-next"]), external_ids=(EXTERNAL_ID, "rb-next")) == ()


def test_a_customers_own_deny_is_left_alone(trust):
    trust["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"})

    assert lint(trust) == ()


@pytest.mark.parametrize(
    ("principal", "cause"),
    [
        ("*", "trust_everybody"),
        ({"AWS": "*"}, "trust_everybody"),
        ({"AWS": ROOT}, "trust_whole_account"),
        ({"AWS": VENDOR}, "trust_whole_account"),
        ({"AWS": [B, ROOT]}, "trust_whole_account"),
        ({"AWS": [B, f"arn:aws:iam::{CUSTOMER}:user/eve"]}, "trust_other_principal"),
        ({"AWS": B.upper()}, "trust_other_principal"),
        ({"AWS": B, "Service": "ec2.amazonaws.com"}, "trust_other_principal"),
        ({"AWS": "AROAEXAMPLEEXAMPLE123"}, "trust_principal_gone"),
    ],
)
def test_f08_every_other_principal_is_named(trust, principal, cause):
    assert causes(with_principal(trust, principal)) == {cause}


def test_f09_a_recreated_integration_role_shows_as_a_principal_that_is_gone(trust):
    [problem] = lint(with_principal(trust, {"AWS": "AROAEXAMPLEEXAMPLE123"}))

    assert problem.outcome is Outcome.DENIED
    assert B in problem.fix


def test_a_principal_by_exclusion_is_too_wide(trust):
    for statement in trust["Statement"]:
        statement["NotPrincipal"] = statement.pop("Principal")

    assert causes(trust) == {"trust_not_principal"}


@pytest.mark.parametrize(
    ("condition", "cause"),
    [
        (None, "external_id_missing"),
        ({}, "external_id_missing"),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, "external_id_missing"),
        ({"StringLike": {"sts:ExternalId": "*"}}, "external_id_operator"),
        ({"StringEqualsIfExists": {"sts:ExternalId": EXTERNAL_ID}}, "external_id_operator"),
        ({"ForAllValues:StringEquals": {"sts:ExternalId": EXTERNAL_ID}}, "external_id_operator"),
        ({"StringNotEquals": {"sts:ExternalId": "x"}}, "external_id_operator"),
        ({"StringEqualsIgnoreCase": {"sts:ExternalId": EXTERNAL_ID}}, "external_id_operator"),
        ({"Null": {"sts:ExternalId": "false"}}, "external_id_operator"),
        ({"StringEquals": {"sts:ExternalId": "rb-other"}}, "external_id_other_values"),
        ({"StringEquals": {"sts:ExternalId": [EXTERNAL_ID, "rb-other"]}}, "external_id_other_values"),
        ({"StringEquals": {"sts:ExternalId": "${aws:PrincipalTag/ExternalId}"}}, "external_id_variable"),
        ({"StringLike": {"sts:ExternalId": f"{EXTERNAL_ID}?"}}, "external_id_operator"),
    ],
)
def test_f07_every_wrong_condition_is_named(trust, condition, cause):
    trust["Statement"][0].pop("Condition")
    if condition is not None:
        trust["Statement"][0]["Condition"] = condition

    assert causes(trust) == {cause}


@pytest.mark.parametrize(
    "condition",
    [
        {"stringequals": {"STS:externalid": EXTERNAL_ID}},
        {"StringLike": {"sts:ExternalId": EXTERNAL_ID}},
        {"ForAnyValue:StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
        {"StringEquals": {"sts:ExternalId": [EXTERNAL_ID]}, "Bool": {"aws:MultiFactorAuthPresent": "true"}},
    ],
)
def test_a_condition_that_means_the_same_is_clean(trust, condition):
    trust["Statement"][0]["Condition"] = condition

    assert lint(trust) == ()


@pytest.mark.parametrize("action", ["sts:*", "*", "sts:Assume*", "STS:assumerole", "sts:AssumeRol?"])
def test_f07_a_second_statement_is_seen_however_it_is_written(trust, action):
    trust["Statement"].append({"Effect": "Allow", "Principal": {"AWS": B}, "Action": action})

    assert causes(trust) - {"trust_unexpected_action"} == {"external_id_missing"}


@pytest.mark.timeout(20)  # tried in every way, these stars take days, in which no other thread runs
def test_an_action_of_many_stars_keeps_nobody_waiting(trust):
    trust["Statement"].append({"Effect": "Allow", "Principal": {"AWS": B}, "Action": f"sts:{'*' * 40}Role"})

    assert causes(trust) == {"external_id_missing", "trust_unexpected_action"}


@pytest.mark.parametrize("action", ["sts:[aA]ssumeRole", "sts:[!x]ssumeRole"])
def test_a_bracket_is_a_character(trust, action):
    trust["Statement"].append({"Effect": "Allow", "Principal": {"AWS": B}, "Action": action})

    assert causes(trust) == {"trust_unexpected_action"}


def test_a_statement_by_exclusion_is_seen(trust):
    trust["Statement"].append({"Effect": "Allow", "Principal": {"AWS": B}, "NotAction": "sts:TagSession"})

    assert causes(trust) == {"external_id_missing", "trust_unexpected_action"}


@pytest.mark.parametrize("action", ["sts:*", "*", "sts:AssumeRoleWithSAML", "sts:AssumeRole?"])
def test_an_action_beyond_the_templates_is_named(trust, action):
    trust["Statement"][1]["Action"].append(action)
    trust["Statement"][1]["Condition"] = trust["Statement"][0]["Condition"]

    [problem] = lint(trust)

    assert (problem.cause, problem.too_wide) == ("trust_unexpected_action", False)
    assert action in problem.title


@pytest.mark.parametrize(
    ("principal", "action"),
    [
        ({"AWS": f"arn:aws:iam::{CUSTOMER}:role/admin"}, "sts:AssumeRole"),
        ({"Service": "ec2.amazonaws.com"}, "sts:AssumeRole"),
        ({"Federated": f"arn:aws:iam::{CUSTOMER}:saml-provider/corp"}, "sts:TagSession"),
    ],
)
def test_whom_the_customer_lets_in_beside_us_is_named_and_does_not_open_the_role_to_us(trust, principal, action):
    trust["Statement"].append({"Effect": "Allow", "Principal": principal, "Action": action})

    [problem] = lint(trust)

    assert (problem.cause, problem.outcome, problem.too_wide) == ("trust_other_principal", Outcome.VIOLATED, False)


def test_what_others_may_pass_on_does_not_let_us_pass_it_on(trust):
    trust["Statement"][1]["Principal"] = {"AWS": f"arn:aws:iam::{CUSTOMER}:role/admin"}

    assert causes(trust) == {"trust_other_principal", "trust_lacks_tag_session", "trust_lacks_source_identity"}


def test_a_condition_that_names_others_beside_us_names_other_principals(trust):
    other = f"arn:aws:iam::{CUSTOMER}:role/admin"
    for statement in trust["Statement"]:
        statement["Principal"] = "*"
        statement.setdefault("Condition", {})["ArnEquals"] = {"aws:PrincipalArn": [B, other]}

    [problem] = lint(trust)

    assert (problem.cause, problem.too_wide) == ("trust_other_principal", False)
    assert other in problem.title


@pytest.mark.parametrize("arn", [f"arn:aws:iam::{VENDOR}:role/rolebridge/*", f"arn:aws:iam::{VENDOR}:role/*"])
def test_f08_a_condition_that_pins_more_than_the_one_role_does_not_count_as_a_pin(trust, arn):
    for statement in trust["Statement"]:
        statement["Principal"] = {"AWS": ROOT}
        statement.setdefault("Condition", {})["ArnLike"] = {"aws:PrincipalArn": arn}

    assert causes(trust) == {"trust_whole_account"}


@pytest.mark.parametrize(
    ("left", "cause"),
    [("sts:SetSourceIdentity", "trust_lacks_tag_session"), ("sts:TagSession", "trust_lacks_source_identity")],
)
def test_a_missing_action_is_named(trust, left, cause):
    trust["Statement"][1]["Action"] = left

    assert causes(trust) == {cause}


@pytest.mark.parametrize(
    ("change", "too_wide"),
    [
        (lambda trust: with_principal(trust, "*"), True),
        (lambda trust: with_principal(trust, {"AWS": ROOT}), True),
        (lambda trust: trust["Statement"][0].pop("Condition"), True),
        (lambda trust: with_principal(trust, {"AWS": [B, f"arn:aws:iam::{CUSTOMER}:role/own"]}), False),
        (lambda trust: trust["Statement"].pop(1), False),
    ],
)
def test_only_what_opens_the_role_makes_it_unsafe(trust, change, too_wide):
    change(trust)

    assert any(problem.too_wide for problem in lint(trust)) is too_wide


@pytest.mark.parametrize("document", [{}, {"Statement": []}, {"Statement": "x"}, {"Statement": [None]}])
def test_a_document_that_says_nothing_lets_nobody_in(document):
    assert causes(document) == {"trust_lacks_tag_session", "trust_lacks_source_identity"}
