"""The production line: job files, the encoding loop, what a crash left open, reports. No terminal, no click."""

from dpptag.line.encode import Judge, StatementMaker
from dpptag.line.feed import Phase
from dpptag.line.guard import Guard, TagGuard
from dpptag.line.job import Job, read_job
from dpptag.line.plan import ChipPlan, JobPlan
from dpptag.line.records import TagRecord
from dpptag.line.report import LineReport, line_report
from dpptag.line.resolve import Resolution, Resolver, find_row, void_row
from dpptag.line.session import RunEnd, RunSummary, Session
from dpptag.line.signing import KeyJudge, KeyStatementMaker, TrustJudge, check_trust

__all__ = [
    "ChipPlan",
    "Guard",
    "Job",
    "JobPlan",
    "Judge",
    "KeyJudge",
    "KeyStatementMaker",
    "LineReport",
    "Phase",
    "Resolution",
    "Resolver",
    "RunEnd",
    "RunSummary",
    "Session",
    "StatementMaker",
    "TagGuard",
    "TagRecord",
    "TrustJudge",
    "check_trust",
    "find_row",
    "line_report",
    "read_job",
    "void_row",
]
