"""The vendor doctor: proves the vendor's own side, with no customer."""

from integrations.aws.vendor_doctor.examination import examine
from integrations.aws.vendor_doctor.report import Check, Examination, Meter, Proof, State

__all__ = ["Check", "Examination", "Meter", "Proof", "State", "examine"]
