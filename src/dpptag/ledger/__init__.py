"""The durable record of every serial, chip and statement of the line (DESIGN.md section 4)."""

from dpptag.ledger.ledger import Ledger
from dpptag.ledger.rows import Item, JobEntry, JobSummary, Revocation, Row, Transition

__all__ = ["Item", "JobEntry", "JobSummary", "Ledger", "Revocation", "Row", "Transition"]
