"""What support staff see of tenants, connections, verifications and sessions, and what they may ask for."""

from integrations.admin.connections import ConnectionAdmin
from integrations.admin.emergency_stop import EmergencyStopAdmin
from integrations.admin.service_tokens import ServiceTokenAdmin
from integrations.admin.sessions import SessionAdmin
from integrations.admin.tenants import TenantAdmin
from integrations.admin.vendor_examinations import VendorExaminationAdmin
from integrations.admin.vendor_identity import IntegrationRoleAdmin, VendorIdentityAdmin
from integrations.admin.verifications import VerificationAdmin

__all__ = [
    "ConnectionAdmin",
    "EmergencyStopAdmin",
    "IntegrationRoleAdmin",
    "ServiceTokenAdmin",
    "SessionAdmin",
    "TenantAdmin",
    "VendorExaminationAdmin",
    "VendorIdentityAdmin",
    "VerificationAdmin",
]
