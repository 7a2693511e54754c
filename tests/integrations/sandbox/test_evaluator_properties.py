"""Properties of the evaluator that hold for all policies and requests. It is pure, so it is called by itself here."""

import dataclasses
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.sandbox.policy import Policy, PolicyKind, PolicySet, Principal, Request, evaluate, parse_policy

# On a busy machine a slow example says nothing of the evaluator.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ACTIONS = ["s3:GetObject", "s3:PutObject", "ec2:DescribeVolumes", "iam:ListRoles"]
RESOURCES = ["*", "arn:aws:s3:::one/key", "arn:aws:s3:::two/key"]
CALLER = "arn:aws:iam::111111111111:role/caller"

actions = st.lists(st.sampled_from([*ACTIONS, "*", "s3:*", "s3:?etObject"]), min_size=1, max_size=3)
resources = st.lists(
    st.sampled_from([*RESOURCES, "arn:aws:s3:::*", "arn:aws:s3:::${aws:PrincipalTag/b}/*"]), min_size=1
)
conditions = st.sampled_from(
    [
        {},
        {"StringEquals": {"aws:PrincipalTag/team": "red"}},
        {"StringNotLike": {"aws:PrincipalTag/team": "r*"}},
        {"Null": {"aws:TokenIssueTime": "true"}},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}},
        {"ForAnyValue:StringLike": {"aws:TagKeys": ["a*"]}},
    ]
)


@st.composite
def statements(draw, effects=("Allow", "Deny"), principal=False):
    made = {
        "Effect": draw(st.sampled_from(effects)),
        draw(st.sampled_from(["Action", "NotAction"])): draw(actions),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(resources),
        "Condition": draw(conditions),
    }
    if principal:
        made["Principal"] = {"AWS": draw(st.sampled_from(["*", "111111111111", CALLER, "222222222222"]))}
    return made


def policy(kind, parts):
    return parse_policy(kind, json.dumps({"Version": "2012-10-17", "Statement": parts}))


def policies(kind, **options):
    return st.lists(statements(**options), min_size=1, max_size=4).map(lambda parts: policy(kind, parts))


sets = st.builds(
    PolicySet,
    identity=st.lists(policies(PolicyKind.IDENTITY), max_size=2).map(tuple),
    boundary=st.none() | policies(PolicyKind.BOUNDARY),
    session=st.none() | st.lists(policies(PolicyKind.SESSION), min_size=1, max_size=2).map(tuple),
    service_control=st.lists(st.lists(policies(PolicyKind.SERVICE_CONTROL), max_size=2).map(tuple), max_size=2).map(
        tuple
    ),
    resource=st.none() | policies(PolicyKind.RESOURCE, principal=True),
    resource_must_allow=st.booleans(),
)
requests = st.builds(
    Request,
    action=st.sampled_from(ACTIONS),
    resource=st.sampled_from(RESOURCES),
    principal=st.just(Principal("111111111111", CALLER.replace("role/", "session/"), CALLER, "AROAX", is_session=True)),
    context=st.fixed_dictionaries(
        {},
        optional={
            "aws:principaltag/team": st.sampled_from([("red",), ("blue",)]),
            "aws:principaltag/b": st.sampled_from([("one",), ("*",)]),
            "aws:securetransport": st.just(("true",)),
            "aws:tagkeys": st.sampled_from([("a",), ("a", "c")]),
        },
    ),
    resource_account=st.sampled_from(["111111111111", "222222222222"]),
)
EVERYTHING = [{"Action": "*", "Resource": "*"}]


@unhurried
@given(requests, sets)
def test_an_explicit_deny_always_wins(request, found):
    denying = policy(PolicyKind.IDENTITY, [{"Effect": "Deny", "Action": request.action, "Resource": "*"}])

    decision = evaluate(request, dataclasses.replace(found, identity=(*found.identity, denying)))

    assert (decision.allowed, decision.explicit) == (False, True)
    assert decision.statement is not None
    assert not decision.statement.allows


@unhurried
@given(requests, sets, statements(effects=("Deny",)), st.sampled_from(["identity", "boundary", "session", "resource"]))
def test_adding_a_deny_never_allows(request, found, denial, where):
    before = evaluate(request, found)
    kind = PolicyKind[where.upper()]
    if where == "resource":
        denial = {**denial, "Principal": "*"}
    added = policy(kind, [denial])
    present = getattr(found, where)
    if present is None:
        return
    changed: object = (*present, added) if isinstance(present, tuple) else _joined(present, added)

    after = evaluate(request, dataclasses.replace(found, **{where: changed}))

    assert before.allowed or not after.allowed


def _joined(first, second):
    return Policy(first.kind, first.statements + second.statements)


@unhurried
@given(requests, sets, policies(PolicyKind.SESSION))
def test_a_session_policy_never_widens(request, found, session):
    without = evaluate(request, dataclasses.replace(found, session=None))
    within = evaluate(request, dataclasses.replace(found, session=(session,)))

    assert without.allowed or not within.allowed


@unhurried
@given(requests, sets, policies(PolicyKind.BOUNDARY))
def test_a_boundary_never_widens(request, found, boundary):
    without = evaluate(request, dataclasses.replace(found, boundary=None))
    within = evaluate(request, dataclasses.replace(found, boundary=boundary))

    assert without.allowed or not within.allowed


@unhurried
@given(requests, sets, st.randoms(use_true_random=False))
def test_the_order_of_statements_and_policies_never_matters(request, found, random):
    def shuffled(one):
        mixed = list(one.statements)
        random.shuffle(mixed)
        return Policy(one.kind, tuple(mixed))

    def mixed_up(many):
        return tuple(shuffled(one) for one in sorted(many, key=lambda _one: random.random()))

    other = dataclasses.replace(
        found,
        identity=mixed_up(found.identity),
        boundary=None if found.boundary is None else shuffled(found.boundary),
        session=None if found.session is None else mixed_up(found.session),
        service_control=tuple(mixed_up(level) for level in found.service_control),
        resource=None if found.resource is None else shuffled(found.resource),
    )
    first, second = evaluate(request, found), evaluate(request, other)

    assert (first.allowed, first.explicit) == (second.allowed, second.explicit)
    if not first.explicit and not first.allowed:
        assert first.kind == second.kind


@unhurried
@given(requests, sets)
def test_nothing_is_allowed_that_no_statement_allows(request, found):
    decision = evaluate(request, found)

    if decision.allowed:
        assert decision.statement is not None
        assert decision.statement.allows


@unhurried
@given(requests)
def test_no_policies_allow_nothing(request):
    assert not evaluate(request, PolicySet()).allowed
