"""What people read: it leads to what is there."""

import re
import subprocess
from pathlib import Path

import pytest
from warehouse import PROJECT

LISTED = subprocess.run(["git", "ls-files", "*.md"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
PAGES = [PROJECT / name for name in LISTED.splitlines()]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_to_a_file_and_a_heading_of_the_project(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_word_of_the_glossary_is_defined_in_a_place_that_exists() -> None:
    rows = [line.split(" | ") for line in (PROJECT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()]
    names = {path.stem for folder in ("models", "functions", "macros") for path in (PROJECT / folder).rglob("*.sql")}
    places = [place for row in rows if len(row) == 3 for place in re.findall(r"`([^`]+)`", row[2])]
    assert places
    known = names | {"kind", "vocabulary", "raw.build_runs.kind", "raw.build_runs"}
    missing = [p for p in places if not (PROJECT / p).exists() and p not in known and p.split(".")[0] not in names]
    assert missing == []
