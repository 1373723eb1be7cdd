"""A passport as one HTML page: sections, a chart of its materials and one of its emissions. Prints on paper, too.

The page loads nothing and runs nothing: its own policy forbids it. Every text of the passport is escaped; only http and
https links can be followed, and only by a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from dpptag.passport.internal import Material, Passport
from dpptag.passport.outline import Line, Section, outline

_COLOURS: Final = ("#1b4965", "#5fa8d3", "#bc6c25", "#606c38", "#9a5b8f", "#7f8c8d", "#c9a227", "#3d5a40")
"""Told apart in grey, too: dark and light take turns. The legend repeats every value in words."""
_WIDTH: Final = 640
_STYLE: Final = (
    "body{font:16px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:52rem;padding:0 1rem;color:#1a1a1a}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;border-bottom:1px solid #bbb;margin-top:1.8rem}"
    "dl{display:grid;grid-template-columns:minmax(9rem,16rem) 1fr;gap:.2rem 1rem;margin:0}"
    "dt{color:#555;overflow-wrap:anywhere}dd{margin:0;overflow-wrap:anywhere}svg{max-width:100%;height:auto}"
    "footer{margin-top:2rem;color:#555;font-size:.85rem}@media(max-width:34rem){dl{grid-template-columns:1fr}}"
)


def html_page(passport: Passport, footer: str) -> str:
    """The whole page. ``footer`` says where it comes from and what was checked."""
    title = escape(passport.product.name or passport.name or "Product passport")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
    ]
    for section in outline(passport):
        parts.append(_section(section))
        if section.title == "Materials":
            parts.append(_material_chart(passport.materials))
        elif section.title == "Emissions":
            parts.append(_emission_chart(passport))
    parts.append(f"<footer>{escape(footer)}</footer></body></html>")
    return "\n".join(filter(None, parts)) + "\n"


def _section(section: Section) -> str:
    lines = "".join(map(_line, section.lines))
    return f"<section><h2>{escape(section.title)}</h2><dl>{lines}</dl></section>"


def _line(line: Line) -> str:
    text = escape(line.text)
    if line.link is not None and line.link.startswith(("http://", "https://")):
        text = f'<a href="{escape(line.link, quote=True)}" rel="noreferrer noopener">{text}</a>'
    return f"<dt>{escape(line.label.strip())}</dt><dd>{text}</dd>"


def _material_chart(materials: Sequence[Material]) -> str:
    """One bar of the whole mass. Left out where a share is missing, out of range, or all are more than the whole."""
    shares = [(one.name or "material", one.mass_fraction) for one in materials]
    known = [(name, float(share)) for name, share in shares if share is not None and 0 <= share <= 1]
    if not known or len(known) != len(shares) or sum(share for _, share in known) > 1.01:
        return ""
    rest = 1 - sum(share for _, share in known)
    if rest > 0.001:
        known.append(("not stated", rest))
    bars, at = [], 0.0
    for number, (name, share) in enumerate(known):
        width = share * _WIDTH
        colour = _COLOURS[number % len(_COLOURS)] if name != "not stated" or rest <= 0.001 else "#e0e0e0"
        label = f"{escape(name)}: {share * 100:.3g} %"
        bars.append(
            f'<rect x="{at:.2f}" y="0" width="{width:.2f}" height="28" fill="{colour}"><title>{label}</title></rect>'
        )
        bars.append(f'<rect x="0" y="{40 + 22 * number}" width="14" height="14" fill="{colour}"/>')
        bars.append(f'<text x="22" y="{52 + 22 * number}" font-size="14">{label}</text>')
        at += width
    return _svg("Materials by mass", 44 + 22 * len(known), bars)


def _emission_chart(passport: Passport) -> str:
    """The footprint as one bar: how much of it comes from primary sources, how much from averages."""
    found = passport.emissions
    if found is None or found.carbon_footprint is None or found.primary_ratio is None:
        return ""
    footprint, ratio = float(found.carbon_footprint), float(found.primary_ratio)
    if footprint < 0 or not 0 <= ratio <= 1:
        return ""
    total = f"{footprint:.6g} kg CO2e for one {found.declared_unit or '?'}"
    parts = (("from primary sources", ratio, _COLOURS[0]), ("from other sources", 1 - ratio, _COLOURS[1]))
    bars, at = [], 0.0
    for number, (name, share, colour) in enumerate(parts):
        label = escape(f"{name}: {footprint * share:.6g} kg CO2e ({share * 100:.3g} %)")
        bars.append(
            f'<rect x="{at:.2f}" y="0" width="{share * _WIDTH:.2f}" height="28" fill="{colour}">'
            f"<title>{label}</title></rect>"
        )
        bars.append(f'<rect x="0" y="{40 + 22 * number}" width="14" height="14" fill="{colour}"/>')
        bars.append(f'<text x="22" y="{52 + 22 * number}" font-size="14">{label}</text>')
        at += share * _WIDTH
    return _svg(f"Carbon footprint: {total}", 88, bars)


def _svg(label: str, height: int, parts: Sequence[str]) -> str:
    shown = escape(label, quote=True)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" aria-label="{shown}">'
        f"{''.join(parts)}</svg>"
    )
