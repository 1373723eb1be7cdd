"""Anything at all goes wrong, at any command, as a seed has it. Whatever is told is true of the tag it was asked of."""

import random
from contextlib import suppress

from dpptag.errors import DpptagError
from dpptag.links.gen2 import Area, Bank, Gen2Link, LockAction
from dpptag.sim.uhf.faults import parse_fault
from tests.contract.suite_uhf.bench import Bench, Scene, impatient

_SEEDS = (1, 2, 3)
_STEPS = 14
_WAIT_MS = 20
_MISHAPS = (
    *(
        "no-answer@{}",
        "late@{}",
        "garbage@{}",
        "checksum@{}",
        "short@{}",
        "refuse@{}",
        "low-power@{}",
        "low-power@{}+1",
    ),
    *("leave@{}+0", "leave@{}+1+2", "leave@{}+2", "pull@{}+1", "swap@{}", "swap@{}+1"),
)


def no_mishap_makes_an_answer_another_s_or_a_write_done_that_is_not(bench: Bench) -> None:
    fired = 0
    for seed in _SEEDS:
        chance = random.Random(f"{seed} {bench.family.title}")
        epcs = "&epc=300000000000000000000001,300000000000000000000002"
        split = f"&split={seed}" if chance.random() < 0.3 else ""
        with bench.scene(f"{bench.chip_name}*2", epcs + split, impatient(bench.family, _WAIT_MS)) as scene:
            _go_through(scene, bench, chance)
            fired += len(scene.sim.faults_fired)
    assert fired >= len(_SEEDS)


def _go_through(scene: Scene, bench: Bench, chance: random.Random) -> None:
    link: Gen2Link | None = None
    for _ in range(_STEPS):
        if chance.random() < 0.45:
            at = scene.sim.host_commands + chance.randint(1, 3)
            scene.sim.faults.order(parse_fault(chance.choice(_MISHAPS).format(at)))
        with suppress(DpptagError):
            if link is None or chance.random() < 0.2:
                scene.sim.field.put_back()
                scene.sim.field.position %= 2
                link = scene.reader.sense()
                assert link is None or link.tid in [tag.tid for tag in scene.sim.field.tags]
            elif chance.random() < 0.2:
                assert {seen.epc for seen in scene.reader.inventory()} <= {tag.epc for tag in scene.sim.field.tags}
            else:
                _ask(scene, bench, chance, link)


def _ask(scene: Scene, bench: Bench, chance: random.Random, link: Gen2Link) -> None:
    """One command to the chosen tag; the other one must stay as it is, also where the command fails."""
    own, other = sorted(scene.sim.field.tags, key=lambda tag: tag.tid != link.tid)
    held, word, words = other.record(), chance.randrange(20), chance.randint(1, 6)
    data = chance.randbytes(2 * words)
    try:
        match chance.choice(("read", "write", "block", "epc", "lock", "reselect")):
            case "read":
                assert link.read(Bank.USER, word, words) == own.user[2 * word : 2 * (word + words)]
            case "epc":
                link.write(Bank.EPC, 1, (words << 11).to_bytes(2, "big") + data)
                assert own.epc == data
            case "lock":
                link.lock({Area.USER: LockAction.OPEN})
            case "reselect":
                link.reselect()
            case how:
                link.write(Bank.USER, word, data, block=how == "block" and bench.family.block_write)
                assert own.user[2 * word : 2 * (word + words)] == data
    finally:
        assert other.record() == held
