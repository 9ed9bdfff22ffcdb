"""The pages lead where they say, and the README claims no figure that was not measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FIGURES = re.compile(r"<!-- figures -->\n(.*)\n<!-- /figures -->", re.DOTALL)
LATEST = ROOT / "benchmarks" / "latest.json"
NOT_YET = "`make bench` writes `benchmarks/latest.json`; the table here is made from that file."
LOADS = {"ten_operators": "10 operators, saturated", "two_hundred_operators": "200 operators, about 50 calls/s"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_of_the_documentation_is_found_from_its_overview() -> None:
    found = set(LINK.findall((ROOT / "docs" / "README.md").read_text("utf-8")))
    assert {page.name for page in ROOT.glob("docs/*.md")} - {"README.md"} - found == set()


def test_the_figures_of_the_readme_are_those_of_the_latest_bench() -> None:
    block = FIGURES.search((ROOT / "README.md").read_text("utf-8"))
    assert block is not None
    assert block[1] == (figures(json.loads(LATEST.read_text("utf-8"))) if LATEST.exists() else NOT_YET)


def figures(latest: dict[str, Any]) -> str:
    """The table that belongs into the README between its two comments."""
    lines = [
        "| operator free to next ring, ms | p50 | p90 | p99 | max | served | lost | CPU ms per call |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for load, label in LOADS.items():
        for router, seen in latest[load].items():
            if not isinstance(seen, dict) or "gap_ms" not in seen:
                continue
            gap = seen["gap_ms"]
            cells = [f"{label}: {router}", *(f"{gap[key]:.1f}" for key in ("p50", "p90", "p99", "max"))]
            cpu = seen.get("cpu_ms_per_call")
            cells += [str(seen["served"]), str(seen["lost"]), "–" if cpu is None else f"{cpu:.2f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
