"""One encode of a UHF tag: frames counted for every simulated family, and the M100's time against a floor.

The job is EPC and user bank of a blank Higgs-9 through driver and tag family, as a line does it: sense, identify,
write, verify, protect, proof. A frame is one command of the host with its answer; what is counted is what the simulated
module received, so it is exact and the same in every run. The first round after opening is not counted: some drivers
ask their module there for what they need to know once.

``frames``: a statement of 84 bytes (DSFID, minimal with a 16-byte digest), policy ``permanent-and-password``. Its
``modelled_ms`` is as good as what is known of a module's times: of the M100 and M6e Nano much, of the others little.

``m100``: the whole bank of 86 bytes. ``modelled_ms`` is the module's time (dpptag.sim.uhf.magicrf_codes, measured on a
JRD-4035 by M5Stack), every wait that the driver asks for, and the bytes on the wire at 115200 baud, although the
measured times hold some of those already. ``floor`` is the module's own time for each step that the order of a write
demands (docs/tag-format.md section 5), counted here from the sizes of the job and never from what the driver did.

Prints JSON; exits 1 where the limit is not kept.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from dpptag.codec.gen2_content import Gen2Content
from dpptag.devices import open_uhf, parse_device_path
from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.framing import Framing
from dpptag.links import Gen2Link, Gen2Reader, Technology
from dpptag.sim import start_uhf
from dpptag.sim.uhf import magicrf_codes as m100
from dpptag.sim.uhf.server import SimulatedModule
from dpptag.tags import (
    POLICIES,
    apply,
    as_written,
    derive_passwords,
    identify,
    plan_protection,
    plan_write,
    protect,
    read_back,
)
from dpptag.tags.key_derivation import DerivedKeys

FAMILIES: Final = ("m100", "r200", "mercury", "a0", "uhfreader18", "uhfreader288")
POLICY: Final = "permanent-and-password"
TIME_LIMIT: Final = 1.1

EPC: Final = bytes.fromhex("3034d11e5ec9380000003039")
STATEMENT: Final = b"\0\x61" + bytes(range(1, 83))
"""DSFID, head byte, and no word of zeros behind: of such a word nothing would have to be written."""
WHOLE_BANK: Final = b"\0\x61" + bytes(range(1, 85))
KEYS: Final = DerivedKeys(bytes(range(16)))

BANK_WORDS, EPC_BANK_WORDS, TID_WORDS, PASSWORD_WORDS = 43, 7, 6, 4
WORDS_A_COMMAND: Final = 32  # of the M100, reading and writing
BITS_PER_BYTE: Final = 10  # 8N1


@dataclass
class Spent:
    """Frames by kind, and microseconds: the module's own, waits that the driver asked for, bytes on the wire."""

    frames: Counter[str] = field(default_factory=Counter)
    module: int = 0
    waits: int = 0
    wire: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.frames + other.frames, self.module + other.module, self.waits + other.waits, self.wire + other.wire
        )

    @property
    def microseconds(self) -> int:
        return self.module + self.waits + self.wire


class Rig:
    """A simulated module with one blank tag under the real driver; what each stage of a job takes is kept."""

    def __init__(self, sim: SimulatedModule, family: str) -> None:
        path = parse_device_path(f"sim:uhf/{family}")
        profile = load_uhf_profile(path.profile)
        self._sim = sim
        self._framing = Framing(profile.framing)
        self._names = {command.code: name for name, command in reversed(profile.commands.items())}
        self._heard = sim.module.feed
        self._stage = "opening"
        self.stages: dict[str, Spent] = {"opening": Spent()}
        sim.module.feed = self._feed  # type: ignore[method-assign]
        self.reader: Gen2Reader = open_uhf(path, node=sim.path, wait=self._wait)
        self.reader.inventory()
        self.stages.clear()

    def _feed(self, data: bytes) -> list[bytes]:
        """The driver writes a frame in one call, so one comes at a time; anything else raises FrameError here."""
        module = self._sim.module
        before = module.simulated_us
        answers = self._heard(data)
        name = self._names[self._framing.parse(data, answer=False).command]
        spent = Spent(Counter((name,)), module.simulated_us - before)
        spent.wire = sum(len(part) * BITS_PER_BYTE * 1_000_000 // module.baud for part in (data, *answers))
        if name == "select":  # the model counts the settling time with it; here the driver's own wait counts
            spent.module -= m100.SETTLE_US
        self.stages[self._stage] += spent
        if name == "lock":  # what follows the last of them is the proof
            self.stages["protect"] += self.stages.pop("proof", Spent())
            self._begin("proof")
        return answers

    def _wait(self, seconds: float) -> None:
        self.stages[self._stage] += Spent(waits=round(seconds * 1_000_000))

    def _begin(self, stage: str) -> None:
        self._stage = stage
        self.stages[stage] = Spent()

    def sensed(self) -> Gen2Link:
        link = self.reader.sense()
        assert link is not None
        assert link.technology is Technology.GEN2
        return link

    def encode(self, user: bytes, policy: str) -> None:
        """All that a line does to a blank tag, or to one that an earlier job left."""
        protection = POLICIES[policy]
        message = Gen2Content(EPC, user).to_bytes()
        self._begin("sense")
        link = self.sensed()
        self._begin("identify")
        tag = identify(link)
        passwords = derive_passwords(tag.uid, KEYS) if protection.password else None
        self._begin("write")
        apply(link, plan_write(tag, message, passwords=passwords))
        self._begin("verify")
        read_back(link, tag, message)
        if not protection.is_none:
            self._begin("protect")
            protect(link, plan_protection(as_written(tag, message), protection, KEYS), KEYS)


@contextmanager
def rig(family: str) -> Iterator[Rig]:
    with start_uhf(family, "tags=Higgs-9&seed=1") as sim:
        opened = Rig(sim, family)
        with opened.reader:
            yield opened


# Frames


def frames_of(family: str) -> dict[str, Any]:
    with rig(family) as opened:
        opened.encode(STATEMENT, POLICY)
        encode = opened.stages
        opened.stages = {}
        opened.encode(STATEMENT, POLICY)
        nothing = opened.stages
    changed = bytearray(STATEMENT)
    changed[40] ^= 0xFF
    with rig(family) as opened:
        opened.encode(STATEMENT, "open")
        opened.stages = {}
        opened.encode(bytes(changed), "open")
        one_word = opened.stages
    return {
        "family": family,
        "encode": counted(encode),
        "nothing_to_change": counted(nothing),
        "one_word_changed": counted(one_word),
    }


def counted(stages: dict[str, Spent]) -> dict[str, Any]:
    every = sum(stages.values(), Spent()).frames
    return {
        "stages": {name: dict(sorted(spent.frames.items())) for name, spent in stages.items()},
        "kinds": dict(sorted(every.items())),
        "total": every.total(),
        "modelled_ms": ms(sum(stages.values(), Spent()).microseconds),
    }


# The M100's time


@dataclass(frozen=True)
class Step:
    """So many commands of one sort that one sentence of the order of a write demands."""

    demand: str
    what: str
    commands: int
    microseconds: int


def reading(words: int) -> tuple[int, int]:
    commands = -(-words // WORDS_A_COMMAND)
    return commands, commands * m100.READ_US + words * m100.READ_WORD_US


def writing(words: int) -> tuple[int, int]:
    commands = -(-words // WORDS_A_COMMAND)
    return commands, commands * m100.WRITE_US + words * m100.WRITE_WORD_US


def floor(*, passwords: bool) -> list[Step]:
    """What no encode of an EPC of 96 bits and a user bank of 43 words can do without."""
    settle, refused = (1, m100.SETTLE_US), m100.FAILURE_US
    set_passwords = [Step("passwords", "write kill and access password", *writing(PASSWORD_WORDS))]
    read_passwords = [Step("read back everything", "read both passwords", *reading(PASSWORD_WORDS))]
    return [
        Step("one tag in the field", "round", 1, m100.ROUND_US),
        Step("select by TID", "read the TID", *reading(TID_WORDS)),
        Step("select by TID", "Select, settled", *settle),
        Step("blank, or already done?", "read StoredPC and EPC", *reading(EPC_BANK_WORDS)),
        Step("blank, or already done?", "read the user bank", *reading(BANK_WORDS)),
        Step("user bank with word 0 still zero", "write words 1 to 42", *writing(BANK_WORDS - 1)),
        *(set_passwords if passwords else []),
        Step("PC+EPC", "write StoredPC and EPC", *writing(EPC_BANK_WORDS)),
        Step("select again", "Select, settled", *settle),
        Step("word 0", "write word 0", *writing(1)),
        Step("read back everything", "round: the field goes off and on", 1, m100.ROUND_US),
        Step("read back everything", "Select, settled", *settle),
        Step("read back everything", "read StoredPC and EPC", *reading(EPC_BANK_WORDS)),
        Step("read back everything", "read the user bank", *reading(BANK_WORDS)),
        *read_passwords,  # without a password of ours: that nobody else set one
        Step("lock", "lock EPC, user bank and both passwords", 1, m100.LOCK_US),
        Step("prove the lock", "refused write to the EPC bank", 1, refused),
        Step("prove the lock", "the EPC word is what it was", *reading(1)),
        Step("prove the lock", "refused write to the user bank", 1, refused),
        Step("prove the lock", "the user word is what it was", *reading(1)),
        Step("prove the lock", "refused read of the access password", 1, refused),
        Step("prove the lock", "refused read of the kill password", 1, refused),
    ]


def m100_time(policy: str) -> dict[str, Any]:
    with rig("m100") as opened:
        opened.encode(WHOLE_BANK, policy)
        stages = opened.stages
    spent = sum(stages.values(), Spent())
    steps = floor(passwords=POLICIES[policy].password)
    least = sum(step.microseconds for step in steps)
    return {
        "policy": policy,
        "frames": spent.frames.total(),
        "floor_commands": sum(step.commands for step in steps),
        "floor_ms": ms(least),
        "modelled_ms": {
            "module": ms(spent.module),
            "waits": ms(spent.waits),
            "wire": ms(spent.wire),
            "total": ms(spent.microseconds),
            "stages": {name: ms(stage.microseconds) for name, stage in stages.items()},
        },
        "ratio": round(spent.microseconds / least, 4),
        "ratio_without_wire": round((spent.microseconds - spent.wire) / least, 4),
        "tags_a_minute": round(60_000_000 / spent.microseconds, 1),
        "floor": [
            {"demand": step.demand, "step": step.what, "commands": step.commands, "ms": ms(step.microseconds)}
            for step in steps
        ],
    }


def ms(microseconds: int) -> float:
    return round(microseconds / 1000, 2)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    times = [m100_time(policy) for policy in POLICIES if policy != "open"]
    kept = {f"modelled_time_{row['policy']}": row["ratio"] <= TIME_LIMIT for row in times}
    report = {
        "bench": "uhf_speed",
        "chip": "Higgs-9",
        "limits": {"modelled_over_floor": TIME_LIMIT},
        "within_limits": kept,
        "frames": [frames_of(family) for family in FAMILIES],
        "m100": times,
    }
    print(json.dumps(report, indent=1))
    if not all(kept.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
