"""What: one file per noun."""

from integrations.models.catalogue_release import CatalogueRelease
from integrations.models.connection import Connection, CustomerRole, ExternalIdOrigin, ProvedAccount, Status
from integrations.models.external_id_rotation import ExternalIdRotation, IssuedExternalId
from integrations.models.hand_off_link import HandOffLink
from integrations.models.installation import EmergencyStop, IntegrationRole, VendorIdentity, VendorSession
from integrations.models.notification import Notification
from integrations.models.role_template import RoleTemplate, RoleTemplateDownload
from integrations.models.session import Session
from integrations.models.status_change import StatusChange
from integrations.models.vendor_examination import VendorExamination
from integrations.models.verification import Finding, Verification

__all__ = [
    "CatalogueRelease",
    "Connection",
    "CustomerRole",
    "EmergencyStop",
    "ExternalIdOrigin",
    "ExternalIdRotation",
    "Finding",
    "HandOffLink",
    "IntegrationRole",
    "IssuedExternalId",
    "Notification",
    "ProvedAccount",
    "RoleTemplate",
    "RoleTemplateDownload",
    "Session",
    "Status",
    "StatusChange",
    "VendorExamination",
    "VendorIdentity",
    "VendorSession",
    "Verification",
]
