"""What: one file per noun."""

from integrations.models.catalogue_release import CatalogueRelease
from integrations.models.connection import Connection, CustomerRole, ProvedAccount, Status
from integrations.models.session import Session
from integrations.models.vendor_examination import VendorExamination
from integrations.models.verification import Finding, Verification

__all__ = [
    "CatalogueRelease",
    "Connection",
    "CustomerRole",
    "Finding",
    "ProvedAccount",
    "Session",
    "Status",
    "VendorExamination",
    "Verification",
]
