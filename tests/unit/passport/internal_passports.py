"""Internal passports that UNTP 0.7.0 can express, drawn from a seed.

Plain ``random`` does the drawing: the same through hypothesis strategies takes a hundred times as long. hypothesis
chooses the seed and how rich the passport is, so that a failure shrinks to a small one.

It makes: every required member; each optional one present or absent; texts of any characters, empty ones too; up to two
of everything that is a list; parties nested two deep; members of the industry's own and unknown members at the
envelope, the issuer, the product, each material and each claim. It does not make what 0.7.0 has no place for: ids of
classifications, verdicts, accuracies, encryption, SHA-1 digests, products' registered ids, stages with a process, a
link type beside the role of a link, scorecards without values, fractions outside 0 to 1, derived granularity.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeVar

from dpptag.passport import internal as i

T = TypeVar("T")


class Dice(random.Random):
    """``rich``: how likely something optional is there, in tenths."""

    rich = 5

    def is_there(self) -> bool:
        return self.randrange(10) < self.rich


Draw = Callable[[Dice], T]


def just(value: T) -> Draw[T]:
    return lambda _dice: value


def one_of(*draws: Draw[Any]) -> Draw[Any]:
    return lambda dice: dice.choice(draws)(dice)


def sampled_from(values: list[T]) -> Draw[T]:
    return lambda dice: dice.choice(values)


def maybe(draw: Draw[T]) -> Draw[T | None]:
    return lambda dice: draw(dice) if dice.is_there() else None


def few(draw: Draw[T], least: int = 0) -> Draw[tuple[T, ...]]:
    return lambda dice: tuple(draw(dice) for _ in range(dice.randint(least, max(least, dice.rich and 2))))


def builds(make: Callable[..., T], *draws: Draw[Any], **named: Draw[Any]) -> Draw[T]:
    return lambda dice: make(*[draw(dice) for draw in draws], **{name: draw(dice) for name, draw in named.items()})


def until(draw: Draw[T], good: Callable[[T], bool]) -> Draw[T]:
    def drawn(dice: Dice) -> T:
        while not good(value := draw(dice)):
            dice.rich = max(dice.rich, 1)
        return value

    return drawn


def text(dice: Dice, least: int = 0) -> str:
    """Letters, what JSON and paths escape, and any character that UTF-8 has."""

    def character() -> str:
        if dice.random() < 0.7:
            return dice.choice("aZ09 .'\"\\[]%/#:\n\0\u00e9\u4e2d\U0001f50b")
        return chr(dice.choice((dice.randrange(0xD800), dice.randrange(0xE000, 0x110000))))

    return "".join(character() for _ in range(dice.randint(least, 4)))


def number(dice: Dice) -> float:
    return dice.choice((0, 1, -1, 0.5, dice.randint(-(10**15), 10**15), dice.uniform(-1e9, 1e9), 5e-324, 1.7e308))


def fraction(dice: Dice) -> float:
    return dice.choice((0, 1, 0.0, 1.0, dice.random()))


def json_value(dice: Dice, depth: int = 0) -> Any:
    simple = (None, True, False, number(dice), text(dice))
    if depth > 2 or dice.random() < 0.6:
        return dice.choice(simple)
    inner = [json_value(dice, depth + 1) for _ in range(dice.randrange(3))]
    return inner if dice.random() < 0.5 else {text(dice): one for one in inner}


def members(dice: Dice) -> dict[str, Any]:
    return {text(dice): json_value(dice) for _ in range(dice.randrange(3))}


def word(dice: Dice) -> str:
    return text(dice, 1)


def uri(dice: Dice) -> str:
    return f"https://e.example/{dice.randrange(999):x}" + dice.choice(("", "#a", "?b=%C3%A9"))


def day(dice: Dice) -> str:
    return str(date(1, 1, 1) + timedelta(dice.randrange(3652058)))


def time(dice: Dice) -> str:
    return f"{day(dice)}T{dice.randrange(24):02}:{dice.randrange(60):02}:59" + dice.choice(("Z", ".5Z", "+13:59"))


TEXT: Draw[str] = text
WORD: Draw[str] = word
NUMBER: Draw[float] = number
FRACTION: Draw[float] = fraction
URI: Draw[str] = uri
DAY: Draw[str] = day
TIME: Draw[str] = time

DIGESTS = builds(i.Digest, just("SHA-256"), lambda dice: dice.randbytes(32))
LINKS = builds(i.Link, URI, TEXT, maybe(URI), maybe(TEXT), maybe(DIGESTS))
ROLE_LINKS = builds(i.Link, URI, TEXT, just(None), maybe(TEXT), maybe(DIGESTS))
IMAGES = builds(i.Image, TEXT, sampled_from(["", "aGVq"]), TEXT, maybe(TEXT))
SCHEMES = builds(i.Scheme, URI, TEXT)
COUNTRIES = builds(i.Country, TEXT, maybe(TEXT))
CLASSES = builds(i.Classification, TEXT, TEXT, URI, TEXT, just(None), maybe(TEXT))
MEASURES = builds(i.Measure, NUMBER, TEXT, maybe(NUMBER), maybe(NUMBER))
DIMENSIONS = builds(i.Dimensions, *[maybe(MEASURES)] * 5)
PERIODS = builds(i.Period, DAY, DAY, maybe(TEXT))
ADDRESSES = builds(i.Address, TEXT, TEXT, TEXT, TEXT, COUNTRIES)
SHORT_PARTIES = builds(i.Party, URI, TEXT, maybe(TEXT), maybe(SCHEMES))
PARTIES = builds(
    i.Party,
    *(URI, TEXT, maybe(TEXT), maybe(SCHEMES), maybe(TEXT), maybe(COUNTRIES), maybe(ADDRESSES), maybe(URI)),
    *(few(CLASSES), few(SHORT_PARTIES)),
)
ROLES = sampled_from(["producer", "manufacturer", "recycler", "brandOwner", "regulator"])
FACILITIES = builds(
    i.Facility,
    *(URI, TEXT, maybe(TEXT), maybe(SCHEMES), maybe(COUNTRIES), few(CLASSES), just(None), few(SHORT_PARTIES)),
)
TOPICS = one_of(
    builds(i.Topic, WORD),
    builds(i.Topic, just(None), URI, TEXT, maybe(TEXT)),
)
SCORES = builds(i.Score, TEXT, maybe(sampled_from([-9, 0, 3])), maybe(TEXT))
METRICS = one_of(
    builds(lambda *both: both, URI, TEXT), builds(lambda *both: both, just(None), WORD), just((None, None))
)
VALUES = builds(
    lambda metric, measure, score: i.Performance(*metric, measure if any(metric) else None, score),
    *(METRICS, maybe(MEASURES), maybe(SCORES)),
)
STANDARDS = builds(i.Standard, URI, TEXT, maybe(SHORT_PARTIES), maybe(DAY))
REGULATIONS = builds(i.Regulation, URI, TEXT, maybe(COUNTRIES), maybe(SHORT_PARTIES), maybe(DAY))
CRITERIA = builds(i.Criterion, URI, TEXT, maybe(TEXT), few(TOPICS), maybe(TEXT))
CLAIMS = builds(
    i.Claim,
    id=URI,
    name=TEXT,
    description=maybe(TEXT),
    topics=few(TOPICS, 1),
    standards=few(STANDARDS),
    regulations=few(REGULATIONS),
    criteria=few(CRITERIA, 1),
    date=DAY,
    period=maybe(PERIODS),
    values=few(VALUES, 1),
    evidence=few(LINKS),
)
MATERIALS = builds(
    i.Material,
    name=TEXT,
    origin=COUNTRIES,
    type=CLASSES,
    mass_fraction=FRACTION,
    mass=maybe(MEASURES),
    recycled_fraction=maybe(FRACTION),
    hazardous=maybe(sampled_from([True, False])),
    symbol=maybe(IMAGES),
    safety=maybe(LINKS),
)
EMISSIONS = until(
    builds(i.Emissions, maybe(NUMBER), maybe(TEXT), maybe(TEXT), maybe(NUMBER), maybe(STANDARDS)),
    lambda one: replace(one, standard=None) != i.Emissions(),
)
CIRCULARITY = until(
    builds(i.Circularity, maybe(ROLE_LINKS), maybe(ROLE_LINKS), *[maybe(NUMBER)] * 4),
    lambda one: one != i.Circularity(),
)
PACKAGING = builds(i.Packaging, TEXT, DIMENSIONS, few(MATERIALS), few(IMAGES), few(CLAIMS))
STATUS = builds(
    i.Status,
    *(just("BitstringStatusListEntry"), maybe(URI), sampled_from(["revocation", "suspension", "refresh"])),
    *(sampled_from([0, 1, 94567, 10**9]), URI),
)
RENDERING = builds(i.RenderMethod, maybe(TEXT), maybe(TEXT), maybe(TEXT), maybe(URI), maybe(TEXT), maybe(DIGESTS))
SOFTWARE = builds(i.Software, URI, TEXT, TEXT, builds(i.Party, URI, TEXT))
PRODUCTS = builds(
    i.Product,
    id=URI,
    name=TEXT,
    scheme=SCHEMES,
    model_number=maybe(TEXT),
    batch=maybe(TEXT),
    serial=maybe(TEXT),
    description=maybe(TEXT),
    image=maybe(LINKS),
    categories=few(CLASSES),
    documents=few(LINKS),
    parties=few(builds(i.RelatedParty, ROLES, PARTIES)),
    facility=FACILITIES,
    production_date=maybe(DAY),
    expiry_date=maybe(DAY),
    country=COUNTRIES,
    dimensions=maybe(DIMENSIONS),
    characteristics=maybe(
        builds(i.Characteristics, lambda dice: {text(dice): json_value(dice) for _ in range(dice.randrange(3))})
    ),
    packaging=maybe(PACKAGING),
    labels=few(IMAGES),
)
SUBJECT = "$.credentialSubject"


def passport_of(seed: int, rich: int) -> i.Passport:
    """One passport of 0.7.0, with the paths that its objects will have."""
    dice = Dice(seed)
    dice.rich = rich
    materials = tuple(
        replace(one, at=f"{SUBJECT}.materialProvenance[{n}]") for n, one in enumerate(few(MATERIALS)(dice))
    )
    claims = tuple(replace(one, at=f"{SUBJECT}.performanceClaim[{n}]") for n, one in enumerate(few(CLAIMS)(dice)))
    places = ["$", "$.issuer", SUBJECT, *(one.at for one in (*materials, *claims))]
    unknown = {f"{dice.choice(places)}.x{n}": json_value(dice) for n in range(dice.randrange(4) if rich else 0)}
    stages = (i.Traceability(events=few(ROLE_LINKS, 1)(dice)),) if dice.is_there() else ()
    return i.Passport(
        version="0.7.0",
        product=replace(PRODUCTS(dice), at=SUBJECT),
        granularity=i.Granularity(dice.choice(["item", "batch", "model"])),
        id=URI(dice),
        name=TEXT(dice),
        contexts=dice.choice([(), ("https://e.example/c1",), ("https://e.example/c1", "https://e.example/c2")]),
        types=dice.choice([(), ("BatteryPassport",)]),
        issuer=i.Issuer(URI(dice), TEXT(dice), few(PARTIES)(dice), at="$.issuer"),
        valid_from=TIME(dice),
        valid_until=maybe(TIME)(dice),
        materials=materials,
        claims=claims,
        emissions=maybe(EMISSIONS)(dice),
        circularity=maybe(CIRCULARITY)(dice),
        traceability=stages,
        due_diligence=maybe(ROLE_LINKS)(dice),
        status=few(STATUS)(dice)[:1],
        render_methods=few(RENDERING)(dice),
        software=maybe(SOFTWARE)(dice),
        unknown=tuple(i.Unknown(path, value) for path, value in unknown.items()),
        at="$",
    )
