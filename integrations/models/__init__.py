"""What: one file per noun."""

from integrations.models.catalogue_release import CatalogueRelease
from integrations.models.connection import Connection, CustomerRole, ProvedAccount, Status
from integrations.models.installation import EmergencyStop, IntegrationRole, VendorIdentity
from integrations.models.notification import Notification
from integrations.models.session import Session
from integrations.models.status_change import StatusChange
from integrations.models.vendor_examination import VendorExamination
from integrations.models.verification import Finding, Verification

__all__ = [
    "CatalogueRelease",
    "Connection",
    "CustomerRole",
    "EmergencyStop",
    "Finding",
    "IntegrationRole",
    "Notification",
    "ProvedAccount",
    "Session",
    "Status",
    "StatusChange",
    "VendorExamination",
    "VendorIdentity",
    "Verification",
]
