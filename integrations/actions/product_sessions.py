"""Receipts of the sessions that the vendor's product opens by itself, as it reports them with a service token."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from integrations.actions.sessions import is_in_customers_account, write_new_receipts
from integrations.aws.arns import InvalidRoleArn, parse_role_arn
from integrations.aws.report import SessionReceipt
from integrations.models import Connection
from tenants.scope import tenant_scope


class NotOfThisConnection(ValueError):
    """A receipt speaks of an account that the connection has nothing to do with; the message says which."""


@dataclass(frozen=True)
class _OpenedByProduct:
    """For what the product opened its sessions. It uses only roles that their tenant proved, so nothing is withheld."""

    tenant_id: UUID
    connection_id: UUID
    verification_id: None = None
    withheld: frozenset[str] = frozenset()


def keep_product_sessions(*, connection: Connection, receipts: Sequence[SessionReceipt]) -> int:
    """Keep the receipts of sessions that the product opened for a connection, each once, and say how many were new.

    Raises:
        Connection.DoesNotExist: it was deleted meanwhile.
        NotOfThisConnection: a session was opened neither in our account nor in the connection's; none is kept.
    """
    for receipt in receipts:
        try:
            account_id = parse_role_arn(receipt.role_arn).account_id
        except InvalidRoleArn as error:
            raise NotOfThisConnection(str(error)) from None
        if is_in_customers_account(receipt) and account_id != connection.account_id:
            raise NotOfThisConnection(f"The role is in account {account_id}, which is not the connection's.")
    with tenant_scope(connection.tenant_id):
        # A product that waited in vain for our answer reports them again, perhaps while the first report is at work.
        Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        return write_new_receipts(_OpenedByProduct(connection.tenant_id, connection.pk), receipts)
