"""What an edit changes, as a terminal, a pull request or a program wants it. Whatever a model said shows as text."""

import json
import math
import re
from collections.abc import Generator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from common.text import visible
from publish.diff import Comparison, Difference
from publish.diff_rows import Change, Row

SIGNS: dict[Change, str] = {"added": "+", "removed": "-", "changed": "~"}
STYLES = {"+": "green", "-": "red", "~": "yellow"}
WIDTH, LEAD = 60, 15
"""How many characters of a value are shown, and how many of those before the first one that differs."""
NAME_WIDTH = 200
"""The same of a value that names a row: one wants to look it up."""
LINES_A_ROW = 12
Line = tuple[int, str, str]
"""How far it is indented, its sign (`+`, `-`, `~` or nothing), and its text."""


def print_text(comparison: Comparison) -> None:
    """Print it for a person, in colour on a terminal."""
    console = Console(highlight=False, soft_wrap=True)
    for indent, sign, text in _lines(comparison):
        console.print(Text(_line(indent, sign, text), style=STYLES.get(sign, "")))


def as_json(comparison: Comparison) -> str:
    """Return it as one JSON object in ASCII. Numbers that JSON hasn't, and times, are texts."""
    return json.dumps(_plain(asdict(comparison)), ensure_ascii=True, allow_nan=False, indent=2)


def as_markdown(comparison: Comparison) -> str:
    """Return it for a pull request: a table of what differs, and the samples collapsed below."""
    lines = [f"### Against the release `{comparison.build_id}`", ""]
    lines += [f"{visible(_for_app(comparison))}.", "", f"{_conclusion(comparison)}.", ""]
    lines += [f"- {_cell(note)}" for note in comparison.notes] + [""] if comparison.notes else []
    if comparison.differences:
        lines += ["| | rows before | rows after | added | removed | changed | what changed |"]
        lines += ["| --- | ---: | ---: | ---: | ---: | ---: | --- |"]
        lines += [_table_row(difference) for difference in _app_first(comparison)]
        samples = [_line(*line) for difference in _app_first(comparison) for line in _difference(difference)]
        fence = "`" * max(3, 1 + max((len(run) for text in samples for run in re.findall("`+", text)), default=0))
        lines += ["", "<details><summary>Samples</summary>", "", f"{fence}diff", *samples, fence, "", "</details>"]
    if comparison.unchanged:
        lines += ["", f"As published: {', '.join(map(_cell, comparison.unchanged))}."]
    return "\n".join(lines)


def _line(indent: int, sign: str, text: str) -> str:
    # The sign stands first, where `diff` and whatever colours one look for it.
    return f"{sign or ' '} {'  ' * indent}{text}" if sign or indent else text


def _conclusion(comparison: Comparison) -> str:
    if not comparison.differences:
        return "Nothing differs: every public table and function is as published"
    tables = sum(one.kind != "function" for one in comparison.differences)
    functions = len(comparison.differences) - tables
    rows = sum(one.rows.added + one.rows.removed + one.rows.changed for one in comparison.differences)
    return f"{rows:,} rows differ; tables that differ: {tables}; functions: {functions}"


def _for_app(comparison: Comparison) -> str:
    """Return what changes in what is published to the app."""
    found = {one.name: one for one in comparison.differences if one.name in comparison.for_app}
    changes = ", ".join(f"{_short(name, one)}" for name, one in found.items()) or "nothing changes"
    unchanged = [name for name in comparison.for_app if name not in found]
    return f"For the app: {changes}" + (f"; as published: {', '.join(unchanged)}" if found and unchanged else "")


def _short(name: str, difference: Difference) -> str:
    rows = difference.rows
    if difference.change != "changed" or not rows:
        return f"{name} {difference.change}"
    return f"{name} {rows.added + rows.removed + rows.changed:,} of {max(rows.before, rows.after):,} rows"


def _app_first(comparison: Comparison) -> list[Difference]:
    return sorted(comparison.differences, key=lambda one: one.name not in comparison.for_app)


def _lines(comparison: Comparison) -> Generator[Line]:
    yield 0, "", visible(_for_app(comparison))
    yield 0, "", _conclusion(comparison)
    commit = f", commit {comparison.git_commit}" if comparison.git_commit else ""
    yield 0, "", visible(f"{comparison.database} against the release {comparison.build_id}{commit}")
    for note in comparison.notes:
        yield 0, "", f"note: {visible(note)}"
    for difference in _app_first(comparison):
        yield 0, "", ""
        yield from _difference(difference)
    if comparison.unchanged:
        yield 0, "", ""
        yield 0, "", f"as published: {visible(', '.join(comparison.unchanged))}"


def _difference(difference: Difference) -> Generator[Line]:
    rows, grain = difference.rows, ", ".join(difference.grain)
    yield 0, SIGNS[difference.change], visible(f"{difference.kind} {difference.name}: {_summary(difference)}")
    for aspect in difference.aspects:
        before, after = (None if text is None else _shown(text) for text in (aspect.before, aspect.after))
        if before is None or after is None:
            text = visible(f"{aspect.name}: {aspect.before or aspect.after}")
            yield 1, "-" if after is None else "+", _cut(text, NAME_WIDTH)
        else:
            yield 1, "~", f"{visible(aspect.name)}: {' -> '.join(_cut_together(before, after))}"
    if rows.changed_columns:
        counts = (f"{name} in {count:,}" for name, count in rows.changed_columns.items())
        yield 1, "", visible(f"rows by {grain}; changed: {', '.join(counts)}")
    for row in rows.samples:
        yield from _row(row)


def _summary(difference: Difference) -> str:
    rows = difference.rows
    if difference.change != "changed":
        count = "" if difference.kind == "function" else f", {rows.before or rows.after:,} rows"
        return f"{difference.change}{count}"
    if not rows:
        return f"{', '.join(aspect.name for aspect in difference.aspects)} changed"
    counts = (f"{getattr(rows, kind):,} {kind}" for kind in SIGNS if getattr(rows, kind))
    return f"{rows.before:,} rows before, {rows.after:,} after: {', '.join(counts)}"


def _row(row: Row) -> Generator[Line]:
    grain = ", ".join(f"{name}={_cut(_shown(value), NAME_WIDTH)}" for name, value in row.grain.items())
    if row.change != "changed":
        values = ", ".join(f"{name}={_cut(_shown(value))}" for name, value in (row.before or row.after).items())
        yield 1, SIGNS[row.change], visible(f"{grain}: {values}" if values else grain)
        return
    yield 1, "~", visible(grain)
    leaves = [leaf for name in row.before for leaf in _leaves(name, row.before[name], row.after[name])]
    for name, before, after in leaves[:LINES_A_ROW]:
        yield 3, "", f"{visible(name)}: {' -> '.join(_cut_together(before, after))}"
    if len(leaves) > LINES_A_ROW:
        yield 3, "", f"and {len(leaves) - LINES_A_ROW} more"


def _leaves(name: str, before: Any, after: Any) -> Generator[tuple[str, str, str]]:
    """Yield the parts of a value that differ, each with its path: `tags.mood["calm"]`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys() if before.keys() != after.keys() else before:
            if repr(before.get(key)) != repr(after.get(key)):
                yield from _leaves(f"{name}.{key}", before.get(key), after.get(key))
        return
    old, new = _entries(before), _entries(after)
    if old is None or new is None:
        yield name, _shown(before), _shown(after)
        return
    order = [key for key in old if key in new], [key for key in new if key in old]
    for key in [*old, *(key for key in new if key not in old)]:
        if repr(old.get(key)) != repr(new.get(key)):
            yield f"{name}[{key}]", _entry(old.get(key)), _entry(new.get(key))
    if order[0] != order[1]:
        yield f"order of {name}", ", ".join(order[0]), ", ".join(order[1])


def _entries(value: Any) -> dict[str, Any] | None:
    """Return the entries of a list of `{key, value}`, by key; None for any other value."""
    if not isinstance(value, list) or not all(isinstance(e, dict) and [*e] == ["key", "value"] for e in value):
        return None
    entries = {_shown(entry["key"]): entry["value"] for entry in value}
    return entries if len(entries) == len(value) else None


def _entry(value: Any) -> str:
    return "not there" if value is None else _shown(value)


def _table_row(difference: Difference) -> str:
    rows = difference.rows
    what = [f"{name} ({count:,})" for name, count in rows.changed_columns.items()]
    what = [*(aspect.name for aspect in difference.aspects), *what]
    name = f"{difference.kind} {difference.name}" + ("" if difference.change == "changed" else f", {difference.change}")
    counts = (f"{count:,}" for count in (rows.before, rows.after, rows.added, rows.removed, rows.changed))
    return f"| {' | '.join((_cell(name), *counts, ', '.join(map(_cell, what))))} |"


def _cell(text: str) -> str:
    return "`" + visible(text).replace("`", "'").replace("|", "\\|") + "`"


def _shown(value: Any) -> str:
    """Return a value as JSON has it: a text in quotes, so that "null" is none."""
    return visible(json.dumps(_plain(value), ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _cut(text: str, width: int = WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _cut_together(before: str, after: str) -> tuple[str, str]:
    """Return both, long ones cut to where they differ."""
    if max(len(before), len(after)) <= WIDTH:
        return before, after
    same = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    start = max(0, same - LEAD)
    return _cut(("…" if start else "") + before[start:]), _cut(("…" if start else "") + after[start:])
