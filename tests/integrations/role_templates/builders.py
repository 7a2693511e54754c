"""Role sets that the tests of role templates share."""

from integrations.catalogue import Component, Permission
from integrations.role_templates.document import RoleDocument, RoleSet, role_document
from integrations.role_templates.options import RoleOptions
from tests.integrations.aws.builders import CUSTOMER, EXTERNAL_ID, make_catalogue, make_settings

SETTINGS = make_settings()
CATALOGUE = make_catalogue()
BOUNDARY = f"arn:aws:iam::{CUSTOMER}:policy/boundary"
EVERY_OPTION = RoleOptions(
    name_pattern="partner-{component}-{connection}",
    path="/partners/northwind/",
    boundary_arn=BOUNDARY,
    tags=(("Team", "Cloud platform"), ("cost-centre", "")),
    max_session_seconds=7200,
    regions=("eu-central-1", "eu-west-1"),
    self_inspection=True,
)


def documents_of(
    components=CATALOGUE.components, catalogue=CATALOGUE, vendor=SETTINGS, **changes
) -> list[RoleDocument]:
    """The document of each component's role."""
    values = {"connection_ref": "c1", "account_id": CUSTOMER, "external_ids": (EXTERNAL_ID,)}
    return [role_document(vendor, catalogue, component, **(values | changes)) for component in components]


def role_set(documents=None, **changes) -> RoleSet:
    """A role set of these documents, or of the catalogue's components with `options`."""
    options = changes.get("options", RoleOptions())
    account_id = changes.get("account_id", CUSTOMER)
    made = documents_of(options=options, account_id=account_id) if documents is None else documents
    values = {
        "product_name": CATALOGUE.product_name,
        "catalogue_version": "1.0.0",
        "partition": "aws",
        "account_id": CUSTOMER,
        "connection_ref": "c1",
    }
    return RoleSet(**(values | changes), documents=tuple(made))


def big_component(count: int) -> Component:
    """A component of so many actions that nobody offers."""
    actions = [f"ec2:DescribeThingWithAnUncommonlyLongName{number:04}" for number in range(count)]
    permissions = tuple(
        Permission.model_construct(action=action, reason="", sees_customer_data=False) for action in actions
    )
    return Component.model_construct(
        id="big-one", version="1.0.0", name="Big one", summary="Big", permissions=permissions
    )
