"""Which catalogue may follow which."""

import pytest
import yaml

from integrations.catalogue import CatalogueError, parse_catalogue
from integrations.catalogue_succession import check_succession
from tests.integrations.test_catalogue import VALID

OLD = """\
version: 1.4.0
product_name: Northwind Insights
product_tag: {key: Product, value: northwind}
components:
  - id: compute-analysis
    version: 1.2.3
    name: Compute analysis
    summary: Finds idle servers.
    permissions:
      - {action: "ec2:DescribeInstances", reason: Lists your servers with their size., sees_customer_data: false}
      - action: s3:GetLifecycleConfiguration
        reason: Reads the clean-up rules of your buckets.
        sees_customer_data: false
        resources: ["arn:aws:s3:::logs-*"]
        conditions: {StringEquals: {"aws:RequestedRegion": [eu-central-1, us-east-1]}}
    never_granted:
      - action: iam:ListUsers
        reason: Who your people are is no business of ours.
        probe: {service: iam, operation: list_users, parameters: {MaxItems: 1}}
  - id: log-analysis
    version: 1.0.0
    name: Log analysis
    summary: Finds logs that are kept for ever.
    permissions:
      - {action: "logs:DescribeLogGroups", reason: Lists log groups with their size., sees_customer_data: false}
"""


def changed(change, component="1.2.3", catalogue="1.5.0"):
    document = yaml.safe_load(OLD)
    document["version"] = catalogue
    document["components"][0]["version"] = component
    change(document, document["components"][0], document["components"][0]["permissions"])
    return parse_catalogue(yaml.safe_dump(document))


def problem_of(new):
    with pytest.raises(CatalogueError) as caught:
        check_succession(parse_catalogue(OLD), new)
    return str(caught.value)


def added(action, sees_customer_data=False, **more):
    reason = "Some reason that is long."
    return {"action": action, "reason": reason, "sees_customer_data": sees_customer_data, "since": "1.2.4", **more}


LOGS = "arn:aws:s3:::logs-*"


def wider(permissions, **change):
    permissions[1].update(change, since="1.2.4")


MAJOR = {
    "an action removed": (lambda d, c, p: p.pop(0), "ec2:DescribeInstances is removed"),
    "customer data seen": (lambda d, c, p: p[0].update(sees_customer_data=True), "sees customer data now"),
    "wider resources": (lambda d, c, p: wider(p, resources=["*"]), "reaches other resources"),
    "more resources": (
        lambda d, c, p: wider(p, resources=[LOGS, "arn:aws:s3:::b"]),
        "reaches other resources",
    ),
    "other resources": (
        lambda d, c, p: wider(p, resources=["arn:aws:s3:::log"]),
        "reaches other resources",
    ),
    "a condition gone": (
        lambda d, c, p: wider(p, conditions={}),
        "reaches other resources",
    ),
    "a condition changed": (
        lambda d, c, p: wider(p, conditions={"StringLike": {"aws:RequestedRegion": "*"}}),
        "reaches other resources",
    ),
    "data added": (lambda d, c, p: p.append(added("logs:GetLogEvents", True)), "which sees customer data"),
    "a promise broken": (
        lambda d, c, p: (c.pop("never_granted"), p.append(added("iam:ListUsers"))),
        "which was never to be granted",
    ),
}
MINOR = {
    "an action added": (lambda d, c, p: p.append(added("ec2:DescribeVolumes")), "ec2:DescribeVolumes is added"),
    "narrower resources": (lambda d, c, p: p[1].update(resources=["arn:aws:s3:::logs-a*"]), "is narrowed"),
    "a condition more": (
        lambda d, c, p: p[1]["conditions"].update(Bool={"aws:SecureTransport": "true"}),
        "is narrowed",
    ),
}


@pytest.mark.parametrize(("change", "message"), MAJOR.values(), ids=MAJOR)
def test_what_widens_or_removes_needs_a_new_major_version_of_the_component(change, message):
    problem = problem_of(changed(change, "1.9.0"))

    assert "component 'compute-analysis' 1.2.3 → 1.9.0" in problem
    assert message in problem
    assert "2.0.0" in problem
    check_succession(parse_catalogue(OLD), changed(change, "2.0.0"))


@pytest.mark.parametrize(("change", "message"), MINOR.values(), ids=MINOR)
def test_what_adds_or_narrows_needs_a_new_minor_version(change, message):
    problem = problem_of(changed(change, "1.2.4"))

    assert message in problem
    assert "Make it version 1.3.0" in problem
    check_succession(parse_catalogue(OLD), changed(change, "1.3.0"))


def test_any_other_change_of_a_component_needs_a_higher_version():
    def reword(document, component, permissions):
        permissions[0]["reason"] = "Another reason that is long."

    assert "Give it a higher version" in problem_of(changed(reword))
    check_succession(parse_catalogue(OLD), changed(reword, "1.2.4"))


@pytest.mark.parametrize("version", ["1.2.2", "0.9.0"])
def test_a_version_never_goes_down(version):
    assert "Give it a higher version" in problem_of(changed(lambda d, c, p: None, version))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, c, p: d["components"].pop(1), "component 'log-analysis' is gone"),
        (lambda d, c, p: d["product_tag"].update(value="other"), "product_tag is another"),
        (lambda d, c, p: d.update(chain="direct"), "have to trust another role"),
    ],
)
def test_what_makes_every_customer_act_needs_a_new_major_version_of_the_catalogue(change, message):
    problem = problem_of(changed(change))

    assert message in problem
    assert "2.0.0" in problem
    check_succession(parse_catalogue(OLD), changed(change, catalogue="2.0.0"))


def test_a_changed_catalogue_has_a_higher_version_and_the_same_one_may_keep_it():
    new = changed(lambda d, c, p: d.update(product_name="Northwind"), catalogue="1.4.0")

    assert "version 1.4.0: the catalogue says something else" in problem_of(new)
    check_succession(parse_catalogue(OLD), parse_catalogue("# a comment\n" + OLD))


def test_from_chained_to_abac_and_a_new_component_need_no_major_version():
    def grow(document, component, permissions):
        document["chain"] = "chained"
        document["components"].append({**yaml.safe_load(VALID)["components"][0], "id": "storage-analysis"})

    check_succession(parse_catalogue(OLD), changed(grow))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda d, c, p: p.append(added("ec2:DescribeVolumes", since=None)), "ec2:DescribeVolumes is new"),
        (lambda d, c, p: p.append(added("ec2:DescribeVolumes", since="1.2.3")), "ec2:DescribeVolumes is new"),
        (lambda d, c, p: p[1].update(resources=["*"]), "s3:GetLifecycleConfiguration is wider"),
    ],
)
def test_what_is_new_or_wider_says_since_which_version(change, what):
    problem = problem_of(changed(change, "2.0.0"))

    assert f"{what} in version 2.0.0" in problem
    assert "since: 2.0.0" in problem
