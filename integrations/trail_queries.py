"""Queries with which a customer finds our sessions in its own CloudTrail, beside our receipts. Pure functions.

A session shows twice there: in the AssumeRole event that opened it (its access key id is in `responseElements`), and as
`userIdentity.accessKeyId` of each call made with it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

_ACCESS_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")  # AWS's own pattern; nothing else goes into a query
CLOCKS_DIFFER = timedelta(minutes=5)  # at the most, our clock from that of CloudTrail


class Receipt(Protocol):
    """What a query takes of a session's receipt: of one that was stored, or of the report that made it."""

    @property
    def access_key_id(self) -> str: ...
    @property
    def role_arn(self) -> str: ...
    @property
    def opened_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...


@dataclass(frozen=True)
class TrailQueries:
    """The queries for one list of sessions."""

    athena: str
    cloudtrail_lake: str


def queries_for(receipts: Iterable[Receipt], *, vendor_account_id: str) -> TrailQueries | None:
    """The queries that find these sessions in the customer's log, None where there is none to find.

    A session in one of the vendor's own roles shows in the vendor's log alone.
    """
    in_their_log = [receipt for receipt in receipts if receipt.role_arn.split(":")[4] != vendor_account_id]
    if not in_their_log:
        return None
    keys = [receipt.access_key_id for receipt in in_their_log]
    first = min(receipt.opened_at for receipt in in_their_log).astimezone(UTC) - CLOCKS_DIFFER
    last = max(receipt.expires_at for receipt in in_their_log).astimezone(UTC)
    return TrailQueries(athena_query(keys, first, last), cloudtrail_lake_query(keys, first, last))


def athena_query(access_key_ids: Sequence[str], opened_from: datetime, opened_until: datetime) -> str:
    """For a CloudTrail table in Athena, as AWS's documentation lays it out; the customer puts in its table's name.

    Args:
        access_key_ids: of the sessions, as the receipts have them.
        opened_from: when the first was opened, in UTC.
        opened_until: when the last expired, in UTC.

    Raises:
        ValueError: an access key id is none.
    """
    keys = _list(access_key_ids)
    # Keys and times are checked or formatted here: no text of anybody's goes in.
    return f"""\
SELECT eventtime, eventsource, eventname, errorcode, useridentity.arn, requestid
FROM cloudtrail_logs
WHERE eventtime BETWEEN '{opened_from:%Y-%m-%dT%H:%M:%SZ}' AND '{opened_until:%Y-%m-%dT%H:%M:%SZ}'
  AND (useridentity.accesskeyid IN ({keys})
    OR (eventsource = 'sts.amazonaws.com' AND eventname = 'AssumeRole'
      AND json_extract_scalar(responseelements, '$.credentials.accessKeyId') IN ({keys})))
ORDER BY eventtime"""  # noqa: S608 — see above


def cloudtrail_lake_query(access_key_ids: Sequence[str], opened_from: datetime, opened_until: datetime) -> str:
    """The same for CloudTrail Lake; the customer puts in the id of its event data store. Arguments as above.

    Lake keeps `responseElements` as a map of texts, and AWS does not say how the text of a nested object is written, so
    the key is looked for in it, whatever stands around it.
    """
    keys = _list(access_key_ids)
    return f"""\
SELECT eventTime, eventSource, eventName, errorCode, userIdentity.arn, requestID
FROM EVENT_DATA_STORE_ID
WHERE eventTime BETWEEN '{opened_from:%Y-%m-%d %H:%M:%S}' AND '{opened_until:%Y-%m-%d %H:%M:%S}'
  AND (userIdentity.accessKeyId IN ({keys})
    OR (eventSource = 'sts.amazonaws.com' AND eventName = 'AssumeRole'
      AND regexp_like(element_at(responseElements, 'credentials'), '{"|".join(access_key_ids)}')))
ORDER BY eventTime"""  # noqa: S608 — see above


def _list(access_key_ids: Sequence[str]) -> str:
    for access_key_id in access_key_ids:
        if not _ACCESS_KEY_ID.fullmatch(access_key_id):
            raise ValueError(f"{access_key_id!r} is no access key id.")
    return ", ".join(f"'{access_key_id}'" for access_key_id in access_key_ids)
