"""What support staff see of tenants, connections and verifications, and what they may ask for."""

from integrations.admin.connections import ConnectionAdmin
from integrations.admin.tenants import TenantAdmin
from integrations.admin.verifications import VerificationAdmin

__all__ = ["ConnectionAdmin", "TenantAdmin", "VerificationAdmin"]
