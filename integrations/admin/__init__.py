"""What support staff see of tenants, connections, verifications and sessions, and what they may ask for."""

from integrations.admin.connections import ConnectionAdmin
from integrations.admin.sessions import SessionAdmin
from integrations.admin.tenants import TenantAdmin
from integrations.admin.vendor_examinations import VendorExaminationAdmin
from integrations.admin.verifications import VerificationAdmin

__all__ = ["ConnectionAdmin", "SessionAdmin", "TenantAdmin", "VendorExaminationAdmin", "VerificationAdmin"]
