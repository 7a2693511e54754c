"""Role templates of a connection: the files that make its customer roles."""

from dataclasses import dataclass

from integrations.actions.verifications import NotReady
from integrations.catalogue_file import catalogue
from integrations.models import Connection
from integrations.models.connection import GOING
from integrations.role_templates import cloudformation
from integrations.role_templates.document import role_document
from integrations.vendor import vendor_settings


@dataclass(frozen=True)
class RoleTemplate:
    """A file to download."""

    filename: str
    text: str


def cloudformation_template(*, connection: Connection) -> RoleTemplate:
    """The CloudFormation template with one role for each component of the connection, whose tenant's scope is open.

    Raises:
        NotReady: no AWS account or no component is chosen yet; the message says which.
    """
    if not connection.account_id:
        raise NotReady("Give the 12-digit id of your AWS account first: the role template is made for that account.")
    current = catalogue()
    roles = [role for role in connection.roles.exclude(status__in=GOING) if current.offers(role.component)]
    if not roles:
        raise NotReady("Choose at least one component first: the role template makes one role for each.")
    documents = [
        role_document(
            vendor_settings(),
            current,
            current.component(role.component),
            connection_ref=connection.reference,
            account_id=connection.account_id,
            external_ids=(connection.external_id,),
        )
        for role in roles
    ]
    text = cloudformation.render(
        documents,
        catalogue_version=current.version,
        product_name=current.product_name,
        account_id=connection.account_id,
    )
    return RoleTemplate(filename=f"rolebridge-{connection.reference}.yaml", text=text)
