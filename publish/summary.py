"""`python -m publish.summary`: what the last build found, on one screen."""

import sys
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from common.command import guarded
from common.dbt import database_path
from common.errors import CommandError
from common.problems import problem
from common.text import visible
from publish.connection import limited_connection

# The palette and version that say most about translations: the most votes for 凉, then the most answers.
EXAMPLE = """
    select palette_seed, prompt_version, success_count
    from internal.int_palette_prompts
    left join (
        select palette_seed, prompt_version, sum(answer_count) as votes
        from tag_frequencies where tag = '凉' and canonical_tag <> tag group by all
    ) using (palette_seed, prompt_version)
    order by coalesce(votes, 0) desc, success_count desc, palette_seed, prompt_version
    limit 1
"""
TOP_TAGS = """
    select frequencies.attribute, frequencies.canonical_tag, frequencies.answer_count,
        list(said.tag || ' ' || said.answer_count order by said.answer_count desc, said.tag)
            filter (where said.tag <> frequencies.canonical_tag) as other_words
    from canonical_tag_frequencies as frequencies
    join tag_frequencies as said using (palette_seed, prompt_version, attribute, canonical_tag)
    where palette_seed = ? and prompt_version = ? and frequencies.is_published and frequencies.rank <= 3
    group by frequencies.attribute, frequencies.canonical_tag, frequencies.answer_count, frequencies.rank
    order by frequencies.attribute, frequencies.rank
"""
SET_ASIDE = {
    "not_text": "numbers, booleans, objects and nulls",
    "empty": "nothing but white space",
    "extra": "more than the one value asked for",
    "fragment": "pieces of broken JSON (counted, not published)",
    "too_long": "over 100 characters (counted, not published)",
}


def main() -> int:
    """Print the summary of `DUCKDB_PATH`; exit code 1 where there is no finished build."""
    try:
        path = database_path()
        with limited_connection(path.parent, path, read_only=True) as warehouse:
            _print(Console(highlight=False, soft_wrap=True), warehouse, path)
    except duckdb.Error as error:
        print(f"summary: {visible(problem(path, error, 'run make build'))}", file=sys.stderr)
        return 1
    except CommandError as error:
        print(f"summary: {error}", file=sys.stderr)
        return 1
    return 0


def _print(console: Console, warehouse: duckdb.DuckDBPyConnection, path: Path) -> None:
    palettes, tagged = _row(warehouse, "select count(*), count(*) filter (where answer_count > 0) from palettes")
    answers, success = _row(warehouse, "select count(*), count(*) filter (where status = 'success') from answers")
    said, counted = _row(warehouse, "select count(*), count(*) filter (where is_counted) from tag_values")
    console.print(f"{palettes:,} palettes, {tagged:,} of them tagged; {answers:,} answers, {success:,} of them count")
    console.print(f"{said:,} values said, {counted:,} of them counted")
    example = warehouse.execute(EXAMPLE).fetchone()
    if example:
        _print_palette(console, warehouse, *example)
    _print_set_aside(console, warehouse)
    console.print(f"\nThe warehouse is {path}: begin with palette_tag_consensus, tag_frequencies and tag_values")


def _row(warehouse: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    return warehouse.execute(query).fetchone() or ()


def _print_palette(
    console: Console, warehouse: duckdb.DuckDBPyConnection, seed: str, version: str, answers: int
) -> None:
    console.print(f"\nWhat {answers} answers say of palette {_shown(seed)} under prompt {_shown(version)}:")
    table = Table("attribute", "most said", box=None, padding=(0, 2))
    tags: dict[str, list[str]] = {}
    for attribute, tag, count, other_words in warehouse.execute(TOP_TAGS, [seed, version]).fetchall():
        others = f" (said as {', '.join(map(_shown, other_words))})" if other_words else ""
        tags.setdefault(attribute, []).append(f"{_shown(tag)}: {count}/{answers}{others}")
    for attribute, texts in tags.items():
        table.add_row(attribute, Text(", ".join(texts)))
    console.print(table)


def _print_set_aside(console: Console, warehouse: duckdb.DuckDBPyConnection) -> None:
    query = "select value_class, count(*) from tag_values where value_class in (select unnest(?)) group by all"
    counts = dict(warehouse.execute(query, [list(SET_ASIDE)]).fetchall())
    console.print("\nSet aside, and kept:")
    for value_class, meaning in SET_ASIDE.items():
        console.print(f"  {counts.get(value_class, 0):>7,}  {value_class}: {meaning}")
    (unmapped,) = _row(warehouse, "select count(*) from unmapped_tags")
    (rejected,) = _row(warehouse, "select count(*) from rejected_lines where part = 0")
    console.print(f"  {rejected:>7,}  lines that were no Convex document (rejected_lines)")
    console.print(f"  {unmapped:>7,}  tags that no vocabulary knows yet (unmapped_tags): seeds/synonyms.csv maps them")


def _shown(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= 40 else f"{shown[:39]}…"


if __name__ == "__main__":
    sys.exit(guarded("summary", main))
