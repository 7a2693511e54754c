"""What reads policies that others wrote: IAM keeps more than we would write, and a reader of it must not fail."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.aws.trust_lint import lint_trust
from integrations.sandbox.policy.document import PolicySyntaxError, parse_statements
from integrations.sandbox.policy.grammar import check_identity_policy, check_resource_policy, check_trust_policy
from tests.hangs import no_hang
from tests.integrations.aws.builders import EXTERNAL_ID, VENDOR

READERS = (parse_statements, check_identity_policy, check_trust_policy, check_resource_policy)
WORDS = st.sampled_from(
    [
        "*", "", "Allow", "Deny", "sts:AssumeRole", "sts:*", "s3:Get*", "2012-10-17", "2008-10-17", "${aws:username}",
        f"arn:aws:iam::{VENDOR}:root", f"arn:aws:iam::{VENDOR}:role/rolebridge/integration", "AROAQ3EXAMPLE00000001",
        f"sts:{40 * '*'}Role", EXTERNAL_ID, "StringEquals", "ForAnyValue:StringLike", "sts:ExternalId", "Null", "true",
    ]
)  # fmt: skip
TEXTS = WORDS | st.text(max_size=20)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
ELEMENTS = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
STATEMENTS = st.dictionaries(st.sampled_from(ELEMENTS), ANYTHING, max_size=6)
DOCUMENTS = st.fixed_dictionaries(
    {"Version": WORDS, "Statement": STATEMENTS | st.lists(STATEMENTS | ANYTHING, max_size=3) | ANYTHING}
)


def answers(text: str) -> None:
    """Each reader reads it, or says what is wrong with it."""
    for reader in READERS:
        with suppress(PolicySyntaxError), no_hang():
            reader(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text) -> None:
    answers(text)


@given(DOCUMENTS | ANYTHING)
def test_any_document_is_read_or_refused(document) -> None:
    answers(json.dumps(document))


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"Statement":['])
def test_a_document_that_is_nested_without_end_is_refused(opening) -> None:
    for reader in READERS:
        with pytest.raises(PolicySyntaxError), no_hang():
            reader(opening * 200_000)


# IAM stores objects whose elements are texts, lists of texts, and conditions of texts.
VALUES = TEXTS | st.lists(TEXTS, max_size=3)
STORED_STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional={
        "Sid": TEXTS,
        "Principal": st.just("*") | st.dictionaries(st.sampled_from(["AWS", "Service", "Federated"]), VALUES),
        "NotPrincipal": st.dictionaries(st.just("AWS"), VALUES),
        "Action": VALUES,
        "NotAction": VALUES,
        "Condition": st.dictionaries(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=3), max_size=3),
    },
)


@given(st.lists(STORED_STATEMENTS, max_size=4) | STORED_STATEMENTS)
def test_any_trust_policy_that_iam_stores_is_judged(statements) -> None:
    with no_hang():
        problems = lint_trust(
            {"Version": "2012-10-17", "Statement": statements},
            principal_arn=f"arn:aws:iam::{VENDOR}:role/rolebridge/integration",
            account_root_arn=f"arn:aws:iam::{VENDOR}:root",
            external_ids=(EXTERNAL_ID,),
        )

    assert all(problem.cause and problem.title for problem in problems)
