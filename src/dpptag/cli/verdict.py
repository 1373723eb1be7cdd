"""The verdict object and its text, as ``verify`` and ``scan`` print them."""

from __future__ import annotations

from dpptag.cli.options import show_day
from dpptag.cli.output import one_line
from dpptag.model.verdict import PassportMatch, Report


def verdict_value(report: Report) -> dict[str, object]:
    """The verdict object (docs/operating.md); absent values are null."""
    return {
        "verdict": report.verdict.value,
        "reason": report.reason,
        "identity": report.identity,
        "chip": report.chip,
        "level": report.level,
        "day": None if report.day is None else show_day(report.day),
        "issuer": {"name": report.issuer, "slot": report.slot},
        "trust": {
            "issued": show_day(report.trust_issued),
            "expires": show_day(report.trust_expires),
            "stale": report.trust_stale,
        },
        "checks": [
            {"n": int(check.number), "name": check.name, "outcome": check.outcome.value, "detail": check.detail}
            for check in report.checks
        ],
        "passport": report.passport.value,
        "extra_records": report.extra_records,
        "warnings": list(report.warnings),
    }


def verdict_text(report: Report) -> str:
    """A few lines for a person; the verdict as a word, with a sign that needs no colour."""
    lines = [
        f"{report.verdict.sign} {report.verdict.value.upper()}",
        f"  {one_line(report.reason)}",
        f"  identity {one_line(report.identity or '-')}   chip {report.chip or '-'}",
    ]
    if report.level:
        signed_on = show_day(report.day) if report.day else "date not signed"
        lines.append(f"  {report.level} statement, slot {report.slot}, {signed_on}")
    lines.append(f"  trust data of {show_day(report.trust_issued)}, good to {show_day(report.trust_expires)}")
    if report.passport is not PassportMatch.ABSENT:
        lines.append(f"  passport document: {report.passport.value}")
    lines += [f"  note: {warning}" for warning in report.warnings]
    return "\n".join(lines)
