"""The import of customers who were connected before there was a portal: the one way an external ID is not ours.

For the operator alone, from a CSV file. Either every line is taken or none.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from uuid import UUID

from django.db import connections as databases
from django.db import transaction

from integrations.actions.connections import RoleFromBefore, TooManyConnections, create_connection
from integrations.aws.arns import InvalidAccountId, InvalidRoleArn, RoleArn, parse_role_arn, validate_account_id
from integrations.aws.policies import InvalidExternalId, validate_external_id
from integrations.aws.vendor import VendorAccountAsCustomer
from integrations.catalogue import UnknownComponent
from integrations.catalogue_file import catalogue
from integrations.models import Connection
from integrations.vendor import vendor_settings
from tenants.audit import Actor
from tenants.models import Tenant
from tenants.scope import APP, installation_scope, staff_scope, tenant_scope

MOST_BYTES = 4 * 1024 * 1024
MOST_LINES = 10_000
NEEDED, OPTIONAL = ("tenant", "account", "role_arn", "external_id"), ("components",)
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """What is wrong with one line of the file, and what to do. Line 1 is the header; 0 is the file itself."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}" if self.line else self.what


class ImportRefused(ValueError):
    """Nothing was imported; `problems` names every line at fault."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Imported:
    """How many connections the import made, and how many lines were imported before."""

    made: int
    there_already: int


@dataclass(frozen=True)
class _Line:
    number: int
    tenant_id: UUID
    role: RoleArn
    external_id: str
    components: tuple[str, ...]


def vendor_import(*, content: bytes, by: Actor, dry_run: bool = False) -> Imported:
    """Import the connections of a CSV file, all or none; what was imported before is left as it is.

    Args:
        content: the file: UTF-8, with a header that names `tenant` (the customer number, reference or id of a tenant),
            `account`, `role_arn`, `external_id` and, if wanted, `components` (ids with spaces between them; all of the
            catalogue's if it is empty).
        by: the operator.
        dry_run: do all of it, and undo it.

    Raises:
        ImportRefused: with every line at fault; nothing is written.
    """
    rows, problems = _read(content)
    with installation_scope():
        with databases[APP].cursor() as cursor:  # two imports at once would not see each other's lines
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('vendor import', 0))")
        lines = list(_checked(rows, problems))
        new = [line for line in lines if not _is_there(line, problems)]
        for line in new:
            _make(line, by, problems)
        if problems:
            raise ImportRefused(sorted(problems, key=lambda problem: problem.line))
        if dry_run:
            transaction.set_rollback(True)
    return Imported(made=len(new), there_already=len(lines) - len(new))


def _read(content: bytes) -> tuple[list[tuple[int, dict[str, str]]], list[Problem]]:
    """The rows by their line numbers, and what keeps some from being read. ImportRefused where none can be."""
    if len(content) > MOST_BYTES:
        raise ImportRefused([Problem(0, f"The file is larger than {MOST_BYTES // 1024**2} MiB. Import it in parts.")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise ImportRefused([Problem(number, "This is not UTF-8. Save the file as CSV in UTF-8.")]) from None
    if "\0" in text:
        raise ImportRefused([Problem(text[: text.index("\0")].count("\n") + 1, "A NUL is no text. Take it out.")])
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    problems: list[Problem] = []
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header)
        for values in reader:
            number = reader.line_num
            if not any(value.strip() for value in values):
                continue
            if len(rows) + len(problems) >= MOST_LINES:
                raise ImportRefused([Problem(number, f"It has more than {MOST_LINES} lines. Import it in parts.")])
            if len(values) != len(header):
                problems.append(Problem(number, f"It has {len(values)} fields, and the header {len(header)}."))
            else:
                rows.append((number, dict(zip(header, (value.strip() for value in values), strict=True))))
    except csv.Error as error:
        raise ImportRefused([Problem(reader.line_num, f"This is no CSV: {error}.")]) from None
    if not rows and not problems:
        raise ImportRefused([Problem(0, "The file has no lines below its header.")])
    return rows, problems


def _check_header(header: list[str]) -> None:
    missing = [name for name in NEEDED if name not in header]
    unknown = [_shown(name) for name in header if name not in NEEDED + OPTIONAL]
    if missing or unknown or len(set(header)) != len(header):
        raise ImportRefused(
            [
                Problem(
                    1,
                    f"The header must name {', '.join(NEEDED)} and may name {', '.join(OPTIONAL)}, each once, with "
                    "commas between them."
                    + (f" Missing: {', '.join(missing)}." if missing else "")
                    + (f" Unknown: {', '.join(unknown)}." if unknown else ""),
                )
            ]
        )


def _checked(rows: list[tuple[int, dict[str, str]]], problems: list[Problem]) -> Iterator[_Line]:
    """The lines that can be imported by themselves; what keeps others from it is added to `problems`."""
    with staff_scope():
        tenants = _tenants()
    ids = Counter(row["external_id"] for _, row in rows)
    roles = Counter(row["role_arn"] for _, row in rows)
    for number, row in rows:
        found = list(_faults(row, tenants))
        if ids[row["external_id"]] > 1:
            found.append(
                "Another line has the same external ID. Each connection needs one of its own: agree on another one "
                "with the customer for all but one of these accounts first."
            )
        if roles[row["role_arn"]] > 1:
            found.append("Another line names the same role. Keep one of them.")
        problems += [Problem(number, what) for what in found]
        if not found:
            (tenant_id,) = tenants[row["tenant"]]
            components = tuple(row.get("components", "").split()) or tuple(c.id for c in catalogue().components)
            yield _Line(number, tenant_id, parse_role_arn(row["role_arn"]), row["external_id"], components)


def _tenants() -> dict[str, set[UUID]]:
    """The tenants by what a line may call them."""
    found: dict[str, set[UUID]] = {}
    for tenant_id, reference, number in Tenant.objects.values_list("pk", "reference", "customer_number"):
        for name in (str(tenant_id), reference, number):
            found.setdefault(name, set()).add(tenant_id)
    found.pop("", None)
    return found


def _faults(row: dict[str, str], tenants: dict[str, set[UUID]]) -> Iterator[str]:
    """What is wrong with the values of one line, each with what to do."""
    matches = tenants.get(row["tenant"], set())
    if not matches:
        yield (
            f"No tenant has the customer number, reference or id {_shown(row['tenant'])}. The customer signs up first, "
            "and support sets the customer number in admin."
        )
    elif len(matches) > 1:
        yield f"{len(matches)} tenants have the customer number {_shown(row['tenant'])}. Give the reference instead."
    vendor = vendor_settings()
    account_id = ""
    try:
        account_id = validate_account_id(row["account"])
        vendor.refuse_own_account(account_id)
    except (InvalidAccountId, VendorAccountAsCustomer) as error:
        yield str(error)
    try:
        role = parse_role_arn(row["role_arn"])
    except InvalidRoleArn as error:
        yield str(error)
    else:
        if role.partition != vendor.partition:
            yield f"The role is in the partition {role.partition}, and ours are in {vendor.partition}."
        if account_id and role.account_id != account_id:
            yield f"The role is in account {role.account_id}, and the line names account {account_id}."
    try:
        validate_external_id(row["external_id"])
    except InvalidExternalId as error:
        yield f"{error}. Agree on another one with the customer first."
    for component in row.get("components", "").split():
        if not catalogue().offers(component):
            known = ", ".join(component.id for component in catalogue().components)
            yield f"There is no component {_shown(component)}. Choose from: {known}."


def _is_there(line: _Line, problems: list[Problem]) -> bool:
    """Whether the line was imported before. What is there and differs is a problem."""
    with staff_scope():
        same_id = Connection.objects.filter(external_id=line.external_id).first()
        same_role = Connection.objects.filter(
            tenant_id=line.tenant_id,
            account_id=line.role.account_id,
            role_name_pattern=line.role.name,
            role_path=line.role.path,
            removal_requested_at=None,
        ).first()
    if same_id is None and same_role is None:
        return False
    if same_id is not None and same_id == same_role:
        return True
    what = (
        "This role was imported before, with another external ID. Nothing changes an external ID but its rotation."
        if same_role is not None
        else "Another connection has, or had, this external ID, and none is ever used again. Agree on another one with "
        "the customer first."
    )
    problems.append(Problem(line.number, what))
    return True


def _make(line: _Line, by: Actor, problems: list[Problem]) -> None:
    try:
        with tenant_scope(line.tenant_id):
            create_connection(
                tenant=Tenant.objects.get(pk=line.tenant_id),
                name=f"AWS account {line.role.account_id}",
                account_id=line.role.account_id,
                components=line.components,
                from_before=RoleFromBefore(line.role.name, line.role.path, line.external_id),
                by=by,
            )
    except (TooManyConnections, UnknownComponent) as error:
        problems.append(Problem(line.number, str(error)))


def _shown(text: str) -> str:
    """A value of the file as it may stand in a terminal."""
    return ascii(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
