"""How the rows of a UHF job become EPCs: scheme, filter, company prefix, host."""

from __future__ import annotations

from dataclasses import dataclass

from dpptag.codec.digital_link import CANONICAL_HOST
from dpptag.codec.epc import PlannedEpc, plan_epc
from dpptag.codec.epc.encoding import EPC_LIMIT_BITS


@dataclass(frozen=True, slots=True)
class EpcRules:
    """``scheme`` None takes the smallest that carries the serial exactly and fits the chip."""

    scheme: str | None
    filter: int
    company_prefix_digits: int | None
    host: str | None

    @property
    def link(self) -> str:
        """Host and stem of the link that the EPC stands for."""
        return f"https://{self.host or CANONICAL_HOST}"

    def check(self) -> None:
        """Raises PlanError, LinkError for rules that no row could be written by, whatever its GTIN, serial and chip."""
        self.plan("0" * 14, "1", EPC_LIMIT_BITS)

    def plan(self, gtin14: str, serial: str, epc_bits: int) -> PlannedEpc:
        """Raises PlanError, LinkError."""
        return plan_epc(
            gtin14,
            serial,
            scheme=self.scheme,
            company_prefix_digits=self.company_prefix_digits,
            filter=self.filter,
            hostname=self.host,
            epc_bits=epc_bits,
        )
