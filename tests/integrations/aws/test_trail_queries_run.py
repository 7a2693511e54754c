"""What the queries for a customer's CloudTrail find, run over events in the tables that AWS lays out for them.

Athena and CloudTrail Lake read SQL as Trino has it. sqlglot reads the queries as theirs and writes them for DuckDB,
which runs them; that they are taken by AWS's own engines is not proved here.
"""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import sqlglot

from integrations.aws.verify import verify_role
from integrations.trail_queries import TrailQueries, queries_for
from tests.integrations.aws.conftest import Customer, root_client

# The columns that the queries name. CloudTrail user guide, "Create a table for CloudTrail logs in Athena", and that of
# CloudTrail Lake, "Supported event schemas".
ATHENA = """CREATE TABLE cloudtrail_logs (eventtime varchar, eventsource varchar, eventname varchar, errorcode varchar,
    useridentity struct(arn varchar, accesskeyid varchar), responseelements varchar, requestid varchar)"""
LAKE = """CREATE TABLE EVENT_DATA_STORE_ID (eventTime timestamp, eventSource varchar, eventName varchar,
    errorCode varchar, userIdentity struct(arn varchar, accessKeyId varchar),
    responseElements map(varchar, varchar), requestID varchar)"""


def events_of(sandbox, account_id: str) -> Iterator[dict[str, Any]]:
    """All that is in an account's CloudTrail."""
    for page in root_client(sandbox, "cloudtrail", account_id).get_paginator("lookup_events").paginate():
        yield from (json.loads(event["CloudTrailEvent"]) for event in page["Events"])


def call_with(access_key_id: str, opened_at, request_id: str) -> dict[str, Any]:
    """The event of a call that reads, with a session's key."""
    return {
        "eventTime": f"{opened_at:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/r/s", "accessKeyId": access_key_id},
        "responseElements": None,
        "requestID": request_id,
    }


def found(dialect: str, table: str, query: str, events: list[dict[str, Any]]) -> set[str]:
    """The request ids of the events that the query finds among these."""
    name = table.split()[2]
    with duckdb.connect() as database:
        database.execute(table)
        for event in events:
            identity, answer = event["userIdentity"], event.get("responseElements")
            elements: Any = answer and json.dumps(answer)
            if dialect == "trino":  # a map of texts, whose nested ones are written in a way of Lake's own
                elements = answer and {key: str(value).replace("'", "") for key, value in answer.items()}
            database.execute(
                f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    event["eventTime"],
                    event["eventSource"],
                    event["eventName"],
                    event.get("errorCode"),
                    {"arn": identity.get("arn"), "accesskeyid": identity.get("accessKeyId")},
                    elements,
                    event["requestID"],
                ],
            )
        [for_duckdb] = sqlglot.transpile(query, read=dialect, write="duckdb")
        return {row[-1] for row in database.execute(for_duckdb).fetchall()}


@pytest.mark.parametrize(
    ("dialect", "table", "which"), [("athena", ATHENA, "athena"), ("trino", LAKE, "cloudtrail_lake")]
)
def test_a_query_finds_every_session_of_a_verification_and_no_other(sandbox, vendor, customer, dialect, table, which):
    other = Customer(sandbox, vendor, customer.catalogue)
    for one in (customer, other):
        one.deploy()
    mine, others = (verify_role(vendor, one.target(), on_finding=lambda _: None).receipts for one in (customer, other))
    in_their_log = [one for one in mine if f":{customer.account_id}:" in one.role_arn]
    queries = queries_for(mine, vendor_account_id=vendor.vendor_account_id)
    assert isinstance(queries, TrailQueries)
    events = [*events_of(sandbox, customer.account_id), *events_of(sandbox, other.account_id)]
    # As CloudTrail's documentation has them: the sandbox keeps no event of a call that only reads.
    events += [call_with(one.access_key_id, one.opened_at, f"call-{one.access_key_id}") for one in (*mine, *others)]

    seen = found(dialect, table, getattr(queries, which), events)

    assert len(in_their_log) > 1
    opened = {one.request_id for one in in_their_log}
    assert seen == opened | {f"call-{one.access_key_id}" for one in in_their_log}
