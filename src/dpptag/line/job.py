"""The job file: one TOML that says what a run writes, with which key, on which chips. All of it is checked at once.

::

    [job]
    name = "battery-2026-w07"                # the ledger knows the job by this name for ever
    rows = "rows.csv"                        # .csv or .json; every path is relative to this file
    link = "https://id.example.com"          # host and stem of the links of rows with gtin and serial
    passport = "passports/{serial}.json"     # for rows without a passport column; also {gtin} and {batch}
    batch_passports = false                  # true: a passport of the batch that the row names will do for its items

    [statement]
    level = "minimal"                        # lowest level allowed; the richest that fits is written ("bare": UHF)
    digest = 16                              # 0, 16 or 32: least bytes of the passport's digest

    [signing]
    key = "issuer.key"                       # PKCS#8 PEM, P-256
    slot = 1
    passphrase_file = "issuer.pass"          # left out: DPPTAG_PASSPHRASE, or the prompt

    [trust]                                  # left out: tags are judged by the signing key alone
    bundle = "issuers.cose"
    root = "root.pub"

    [chips]
    allowed = ["NTAG213", "NTAG215"]         # every row must fit every one of them; NFC chips, or UHF (Gen2) chips

    [epc]                                    # UHF chips alone
    scheme = "auto"                          # the smallest that carries the serial exactly; or SGTIN-96, SGTIN++, ...
    filter = 1                               # 0 to 7: 1 retail item, 2 full case, 6 unit load (TDS table 10-1)
    company_prefix_digits = 7                # for SGTIN-96 and SGTIN-198: how long your GS1 company prefix is
    host = "id.example.com"                  # left out: the EPC names no host, its link is one of id.gs1.org

    [line]
    stop_after_failures = 3                  # so many failed tags in a row stop the run
    overwrite = false                        # true: tags with foreign content are written over
    format = false                           # true: blank tags are formatted; on NTAG chips that sets bits for ever

    [protect]                                # left out: tags stay writable, rows end at "verified"
    lock = "permanent"                       # IRREVERSIBLE, for every tag of the job; "none": not locked
    password = true                          # a password or key against writing, derived per chip
    sun = false                              # NTAG 424 DNA: mirror UID, counter and MAC into the link
    master = "tag-master.key"                # for password and sun: dpptag keys new-tag-master
    passphrase_file = "tag-master.pass"      # left out: DPPTAG_PASSPHRASE, or the prompt
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dpptag.codec.layout import SUN_QUERY
from dpptag.errors import JobError, LinkError, PlanError
from dpptag.ledger import Item, JobEntry
from dpptag.line.epc_rules import EpcRules
from dpptag.line.rows import JobRow, RowRules, read_rows
from dpptag.model.outcome import RowState
from dpptag.model.statement import LAST_SLOT, Level
from dpptag.tags import CHIP_ROOMS, GEN2_CHIPS, Lock, Protection, cannot_protect

JOB_FILE_LIMIT: Final = 64 * 1024
"""Bytes; a job file has some thirty lines."""

_Text = Annotated[str, Field(min_length=1, max_length=1024)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _JobSection(_Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    rows: _Text
    link: _Text | None = None
    passport: _Text | None = None
    batch_passports: bool = False


class _StatementSection(_Section):
    level: Literal["bare", "minimal", "compact", "full"] = "minimal"
    digest: Literal[0, 16, 32] = 0


class _SigningSection(_Section):
    key: _Text
    slot: Annotated[int, Field(ge=0, le=LAST_SLOT)]
    passphrase_file: _Text | None = None


class _TrustSection(_Section):
    bundle: _Text
    root: _Text


class _ChipsSection(_Section):
    allowed: Annotated[list[str], Field(min_length=1)]


class _EpcSection(_Section):
    scheme: Literal["auto", "SGTIN-96", "SGTIN-198", "SGTIN+", "SGTIN++"] = "auto"
    filter: Annotated[int, Field(ge=0, le=7)] = 1
    company_prefix_digits: Annotated[int, Field(ge=6, le=12)] | None = None
    host: Annotated[str, Field(min_length=1, max_length=63)] | None = None


class _LineSection(_Section):
    stop_after_failures: Annotated[int, Field(ge=1, le=1000)] = 3
    overwrite: bool = False
    format: bool = False


class _ProtectSection(_Section):
    lock: Literal["none", "permanent"] = "none"
    password: bool = False
    sun: bool = False
    master: _Text | None = None
    passphrase_file: _Text | None = None


class _JobFile(_Section):
    job: _JobSection
    statement: _StatementSection = _StatementSection()
    signing: _SigningSection
    trust: _TrustSection | None = None
    chips: _ChipsSection
    epc: _EpcSection | None = None
    line: _LineSection = _LineSection()
    protect: _ProtectSection = _ProtectSection()


@dataclass(frozen=True, slots=True)
class Signing:
    """Where the issuer's key lies; ``passphrase_file`` None leaves the passphrase to the caller."""

    key: Path
    slot: int
    passphrase_file: Path | None


@dataclass(frozen=True, slots=True)
class TrustFiles:
    bundle: Path
    root: Path


@dataclass(frozen=True, slots=True)
class TagMaster:
    """Where the master key lies from which passwords and keys of tags are derived."""

    file: Path
    passphrase_file: Path | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job whose file and rows have all been checked. ``file_sha256`` covers the job file and the rows file."""

    name: str
    path: Path
    file_sha256: bytes
    rows: tuple[JobRow, ...]
    level: Level
    digest_width: int
    signing: Signing
    trust: TrustFiles | None
    chips: tuple[str, ...]
    epc: EpcRules | None
    stop_after_failures: int
    overwrite: bool
    allow_format: bool
    protection: Protection
    tag_master: TagMaster | None

    @property
    def entry(self) -> JobEntry:
        """The job as the ledger registers it: its rows end at ``locked`` where it protects its tags in any way."""
        end = RowState.VERIFIED if self.protection.is_none else RowState.LOCKED
        return JobEntry(self.name, self.file_sha256, tuple(item_of(row) for row in self.rows), end)

    def tag_uri(self, row: JobRow) -> str:
        """The URI as written: the identity, and behind it the places that the chip fills in where the job wants SUN."""
        return row.identity + self.mirrored

    @property
    def is_uhf(self) -> bool:
        """Its tags are Gen2 tags: the identity is an EPC, the statement stands in the user bank."""
        return self.epc is not None

    @property
    def mirrored(self) -> str:
        """What stands behind every identity and is not signed."""
        return SUN_QUERY if self.protection.sun else ""


def item_of(row: JobRow) -> Item:
    return Item(row.number, row.identity, row.serial_key, row.pointer.digest)


def read_job(path: Path) -> Job:
    """Read and check the job file, its rows and every passport. Raises JobError, with all that is wrong in it."""
    content = _read(path, JOB_FILE_LIMIT)
    file = _parse(path, content)
    folder = path.parent
    epc = _epc_rules(file)
    link = file.job.link if epc is None else epc.link
    rules = RowRules(folder, link, file.job.passport, file.job.batch_passports, epc is not None)
    rows_path = folder / file.job.rows
    rows, rows_sha256 = read_rows(rows_path, rules)
    signing = Signing(
        folder / file.signing.key,
        file.signing.slot,
        folder / file.signing.passphrase_file if file.signing.passphrase_file else None,
    )
    trust = TrustFiles(folder / file.trust.bundle, folder / file.trust.root) if file.trust else None
    tag_master = None
    if file.protect.master is not None:
        passphrase = file.protect.passphrase_file
        tag_master = TagMaster(folder / file.protect.master, folder / passphrase if passphrase else None)
    _require_files(path, signing, trust, tag_master)
    return Job(
        name=file.job.name,
        path=path,
        file_sha256=hashlib.sha256(hashlib.sha256(content).digest() + rows_sha256).digest(),
        rows=rows,
        level=Level(file.statement.level),
        digest_width=file.statement.digest,
        signing=signing,
        trust=trust,
        chips=tuple(file.chips.allowed),
        epc=epc,
        stop_after_failures=file.line.stop_after_failures,
        overwrite=file.line.overwrite,
        allow_format=file.line.format,
        protection=_protection(file.protect),
        tag_master=tag_master,
    )


def _parse(path: Path, content: bytes) -> _JobFile:
    try:
        values = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        raise JobError(f"{path.name} is not UTF-8 text", code="job-toml", file=str(path)) from exc
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise JobError(f"{path.name} is no TOML: {exc}", code="job-toml", file=str(path)) from exc
    try:
        file = _JobFile.model_validate(values)
    except ValidationError as exc:
        found = [_complaint(error["loc"], error["type"], error["msg"]) for error in exc.errors(include_url=False)]
        raise JobError(
            f"{path.name}: " + "; ".join(found),
            code="job-schema",
            action="see the example at the head of examples/jobs/battery.toml",
            file=str(path),
            key=".".join(str(part) for part in exc.errors()[0]["loc"]),
        ) from exc
    _check_together(path, file)
    return file


def _complaint(place: tuple[int | str, ...], kind: str, text: str) -> str:
    key = ".".join(str(part) for part in place)
    if kind == "extra_forbidden":
        return f"{key}: unknown key"
    if kind == "missing":
        return f"{key}: missing"
    return f"{key}: {text[:1].lower()}{text[1:]}"


def _check_together(path: Path, file: _JobFile) -> None:
    """What single keys cannot tell."""
    known = [*CHIP_ROOMS, *GEN2_CHIPS]
    strange = [name for name in file.chips.allowed if name not in known]
    if strange:
        raise JobError(
            f"{path.name}: chips.allowed: {', '.join(strange)}: not a chip that can be written",
            code="job-chip",
            action=f"use {', '.join(known)}",
            file=str(path),
            key="chips.allowed",
        )
    _check_carrier(path, file)
    if file.statement.level == "full" and file.statement.digest not in (0, 32):
        raise JobError(
            f"{path.name}: statement.digest: level full always carries 32 bytes, not {file.statement.digest}",
            code="job-digest",
            action="set digest = 32",
            file=str(path),
            key="statement.digest",
        )
    _check_protection(path, file)
    asked = _protection(file.protect)
    for name in file.chips.allowed:
        reason = cannot_protect(name, asked)
        if reason is not None:
            raise JobError(
                f"{path.name}: protect: {name} cannot have what is asked for: {reason}",
                code="job-protect",
                action="take the chip out of chips.allowed, or ask for less",
                file=str(path),
                key="protect",
                chip=name,
            )


def _epc_rules(file: _JobFile) -> EpcRules | None:
    if not all(name in GEN2_CHIPS for name in file.chips.allowed):
        return None
    epc = file.epc or _EpcSection()
    scheme = None if epc.scheme == "auto" else epc.scheme
    return EpcRules(scheme, epc.filter, epc.company_prefix_digits, epc.host)


def _check_carrier(path: Path, file: _JobFile) -> None:
    """A job writes NFC tags or UHF tags: a reader for both does not exist, and their identities differ."""
    uhf = [name for name in file.chips.allowed if name in GEN2_CHIPS]
    if uhf and len(uhf) != len(file.chips.allowed):
        raise JobError(
            f"{path.name}: chips.allowed: {', '.join(uhf)} are UHF chips, the others NFC chips: a job has one kind",
            code="job-chip",
            action="make one job for each",
            file=str(path),
            key="chips.allowed",
        )
    wrong: tuple[str, str, str] | None = None
    if uhf and file.job.link is not None:
        wrong = "job.link", "a UHF tag holds an EPC, no link", "leave it out; for a host of your own set epc.host"
    elif not uhf and file.epc is not None:
        wrong = "epc", "the section is for UHF chips, and the job names NFC chips", "leave the section out"
    elif not uhf and file.statement.level == "bare":
        wrong = "statement.level", "bare is for UHF chips with a user bank of 512 bits", 'set level = "minimal"'
    elif file.statement.level == "bare" and file.statement.digest:
        wrong = "statement.digest", "level bare carries no digest", "set digest = 0"
    if wrong is not None:
        raise JobError(
            f"{path.name}: {wrong[0]}: {wrong[1]}", code="job-carrier", action=wrong[2], file=str(path), key=wrong[0]
        )
    rules = _epc_rules(file)
    if rules is not None:
        try:
            rules.check()
        except (LinkError, PlanError) as error:
            raise JobError(
                f"{path.name}: epc: {error.message}",
                code="job-carrier",
                action=error.action,
                file=str(path),
                key="epc",
            ) from error


def _protection(section: _ProtectSection) -> Protection:
    return Protection(section.password, Lock(section.lock), section.sun)


def _check_protection(path: Path, file: _JobFile) -> None:
    protect = file.protect
    if (protect.password or protect.sun) and protect.master is None:
        raise JobError(
            f"{path.name}: protect.master: missing, and passwords and keys are derived from it",
            code="job-protect",
            action="make one: dpptag keys new-tag-master FILE",
            file=str(path),
            key="protect.master",
        )
    if protect.master is not None and not (protect.password or protect.sun):
        raise JobError(
            f"{path.name}: protect.master: nothing is derived from it, as neither password nor sun is asked for",
            code="job-protect",
            action="set password = true, or leave the master key out",
            file=str(path),
            key="protect.master",
        )


def _require_files(path: Path, signing: Signing, trust: TrustFiles | None, tag_master: TagMaster | None) -> None:
    wanted = {"signing.key": signing.key, "signing.passphrase_file": signing.passphrase_file}
    if tag_master:
        wanted |= {"protect.master": tag_master.file, "protect.passphrase_file": tag_master.passphrase_file}
    if trust:
        wanted |= {"trust.bundle": trust.bundle, "trust.root": trust.root}
    for key, file in wanted.items():
        if file is not None and not file.is_file():
            raise JobError(
                f"{path.name}: {key}: there is no file {file}", code="job-file-missing", file=str(path), key=key
            )


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as exc:
        raise JobError(f"cannot read {path}: {exc.strerror}", code="job-unreadable", file=str(path)) from exc
    if len(content) > limit:
        raise JobError(f"{path.name} is larger than {limit} bytes", code="job-size", file=str(path))
    return content
