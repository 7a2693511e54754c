"""What: one file per noun."""

from integrations.models.connection import Connection, CustomerRole, ProvedAccount, Status
from integrations.models.hand_off_link import HandOffLink
from integrations.models.role_template import RoleTemplate, RoleTemplateDownload
from integrations.models.session import Session
from integrations.models.verification import Finding, Verification

__all__ = [
    "Connection",
    "CustomerRole",
    "Finding",
    "HandOffLink",
    "ProvedAccount",
    "RoleTemplate",
    "RoleTemplateDownload",
    "Session",
    "Status",
    "Verification",
]
