"""What: one file per noun."""

from integrations.models.connection import Connection, CustomerRole, ProvedAccount, Status
from integrations.models.verification import Finding, Verification

__all__ = ["Connection", "CustomerRole", "Finding", "ProvedAccount", "Status", "Verification"]
