"""`python -m publish diff`: what an edit changes, on the sample, and on arbitrary rows."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from comparison import RULES
from conftest import ROOT
from counting_rules import NOT_PUBLISHED, Rules, total_results
from hypothesis import example, given
from hypothesis import strategies as st
from messy import EVERYWHERE, answers
from published import BuiltPlace
from warehouse import Warehouse

from common.progress import no_progress
from common.raw_zone import RawZone
from common.releases import Releases
from publish.cli import main
from publish.diff import Aspect, Comparison, Difference, compare
from publish.diff_report import as_json, as_markdown, print_text
from publish.diff_rows import Row, Rows, compared_rows
from publish.renames import Rename

SYNONYM = ("mood", "pensive", "calm")
ALL = 1_000_000
EDITED = Rules(replace(RULES.seeds, synonyms=RULES.seeds.synonyms | {SYNONYM[:2]: SYNONYM[2]}))

Change = tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class Edited:
    """A build of the sample, the release of it, and the same build after one synonym was added."""

    place: BuiltPlace
    published: Path
    documents: list[str]

    def compare(self, samples: int = ALL, renames: Sequence[Rename] = ()) -> Comparison:
        zone = RawZone(self.place.raw_dir)
        return compare(self.place.target, self.place.database, zone, self.published, samples, no_progress, renames)


@pytest.fixture(scope="module")
def edited(messy: BuiltPlace, tmp_path_factory: pytest.TempPathFactory) -> Edited:
    warehouse = Warehouse(tmp_path_factory.mktemp("edited"))
    place = messy.copied(warehouse.directory)
    warehouse.database = place.database
    place.publish(warehouse.directory / "published")
    unchanged = Edited(place, Releases(warehouse.directory / "published").find(None), answers())
    assert unchanged.compare().differences == []
    assert unchanged.compare().notes == []
    warehouse.insert("synonyms", [*SYNONYM, "a test"])
    warehouse.run("run", "--full-refresh")  # the file of the seed says nothing of it
    return unchanged


@pytest.fixture(scope="module")
def comparison(edited: Edited) -> Comparison:
    return edited.compare()


def differences(before: dict[Any, dict[str, Any]], after: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """What came, went and changed, by key; of what changed only the columns that did."""
    changed = {}
    for key in before.keys() & after.keys():
        columns = [name for name in before[key] if before[key][name] != after[key][name]]
        if columns:
            changed[key] = ({n: before[key][n] for n in columns}, {n: after[key][n] for n in columns})
    return {
        "added": {key: after[key] for key in after.keys() - before.keys()},
        "removed": {key: before[key] for key in before.keys() - after.keys()},
        "changed": changed,
    }


def with_classes(rules: Rules, rows: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    told = {}
    for key, row in rows.items():
        attribute, tag = key[-2:]
        told[key] = row | {"canonical_tag": rules.canonical_tag(attribute, tag)}
        told[key]["tag_class"] = rules.classify(attribute, tag)
    return told


def values(rules: Rules, documents: list[str]) -> dict[Any, dict[str, Any]]:
    names = ("raw_value", "tag", "canonical_tag", "value_class", "is_counted")
    return {
        (one.answer_id, one.attribute, one.value_index): {name: getattr(one, name) for name in names}
        for document in documents
        for one in rules.values(document)
    }


def canonical(rules: Rules, documents: list[str]) -> dict[Any, dict[str, Any]]:
    """With the rank that the table has: what is published comes first."""
    rows = rules.canonical_frequencies(documents)
    ranks: Counter[Any] = Counter()

    def is_left_out(key: tuple[str, ...]) -> bool:
        return rules.classify(key[2], key[3]) in NOT_PUBLISHED

    for key in sorted(rows, key=lambda key: (is_left_out(key), -rows[key]["answer_count"], key[3])):
        ranks[key[:3]] += 1
        rows[key]["rank"] = ranks[key[:3]]
    return rounded(rows)


def rounded(rows: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    digits = {"entropy": 12, "effective_tags": 9, "share_lower_bound": 12}
    return {
        key: {name: round(value, digits[name]) if name in digits and value else value for name, value in row.items()}
        for key, row in rows.items()
    }


def consensus(rules: Rules, documents: list[str]) -> dict[Any, dict[str, Any]]:
    return {
        key: {"categorical": row["categorical"], "tags": row["tags"]} for key, row in rules.consensus(documents).items()
    }


def agreement(rules: Rules, documents: list[str]) -> dict[Any, dict[str, Any]]:
    return rounded(rules.attribute_consensus(documents))


def queue(rules: Rules, documents: list[str]) -> dict[Any, dict[str, Any]]:
    counts = Counter(key[:2] for key, tags in rules.published_lists(documents).items() for _tag in tags)
    return {key: {"tag_count": counts[key]} for key in total_results(documents)}


EXPECTED = {
    "tag_values": values,
    "tag_frequencies": lambda rules, documents: with_classes(rules, rules.frequencies(documents)),
    "tag_totals": lambda rules, documents: with_classes(rules, rules.totals(documents)),
    "canonical_tag_frequencies": canonical,
    "palette_tag_consensus": consensus,
    "attribute_consensus": agreement,
    "refinement_queue": queue,
}
MADE_OF_THEM = {
    "attribute_drift",
    "palette_attribute_consensus",
    "palette_tag_ranking",
    "prompt_version_quality",
    "similar_tags",
    "tag_drift",
}
"""Statistics of these counts; test_statistics.py and test_project.py hold them to what is counted by hand."""


def test_just_the_tables_differ_that_a_synonym_moves(comparison: Comparison) -> None:
    assert {one.name for one in comparison.differences} == EXPECTED.keys() | MADE_OF_THEM
    assert all(one.change == "changed" and one.aspects == [] for one in comparison.differences)
    assert {"palettes", "answers", "unmapped_tags", "top_tags", "palette_tags"} <= set(comparison.unchanged)


@pytest.mark.parametrize("table", EXPECTED)
def test_just_the_rows_differ_that_the_rules_say(edited: Edited, comparison: Comparison, table: str) -> None:
    (rows,) = (one.rows for one in comparison.differences if one.name == table)
    count = EXPECTED[table]
    before, after = count(RULES, edited.documents), count(EDITED, edited.documents)
    expected = differences(before, after)
    assert (rows.added, rows.removed, rows.changed) == tuple(map(len, expected.values()))
    assert any(expected.values())
    found: dict[str, Any] = {"added": {}, "removed": {}, "changed": {}}
    for row in rows.samples:
        key, known = tuple(row.grain.values()), next(iter(after.values()))
        if row.change == "changed":
            found["changed"][key] = row.before, row.after
        else:
            found[row.change][key] = {name: value for name, value in (row.before or row.after).items() if name in known}
    assert found == expected
    in_columns = Counter(name for row in rows.samples if row.change == "changed" for name in row.before)
    assert rows.changed_columns == in_columns


def test_the_samples_are_the_first_by_grain(edited: Edited, comparison: Comparison) -> None:
    for few, every in zip(edited.compare(samples=2).differences, comparison.differences, strict=True):
        assert few.rows == replace(every.rows, samples=few.rows.samples)
        for change in ("added", "removed", "changed"):
            those = [row for row in every.rows.samples if row.change == change]
            assert [row for row in few.rows.samples if row.change == change] == those[:2]


def test_the_first_three_lines_say_what_changes_for_the_app(
    comparison: Comparison, capsys: pytest.CaptureFixture[str]
) -> None:
    print_text(comparison)
    for_app, in_all, against, *rest = capsys.readouterr().out.splitlines()
    rows = {one.name: one.rows for one in comparison.differences}
    changed = rows["palette_tag_consensus"]
    assert for_app.startswith("For the app: ")
    assert f"palette_tag_consensus {changed.changed} of {changed.after} rows" in for_app
    assert for_app.endswith("; as published: refinement_candidates, tag_summaries")
    total = sum(one.added + one.removed + one.changed for one in rows.values())
    assert in_all == f"{total:,} rows differ; tables that differ: {len(rows)}; functions: 0"
    assert comparison.build_id in against
    told = [line.split()[2].removesuffix(":") for line in rest if line.startswith(("~ table", "~ view"))]
    assert set(told) == rows.keys()
    assert set(told[:3]) == {"canonical_tag_frequencies", "palette_tag_consensus", "refinement_queue"}


def test_what_keeps_the_build_from_being_published_is_noted(comparison: Comparison) -> None:
    (note,) = comparison.notes
    assert "isn't a whole build" in note


def test_columns_descriptions_nulls_views_functions_and_other_runs_are_told(edited: Edited, tmp_path: Path) -> None:
    place = edited.place.copied(tmp_path / "place")
    manifest = place.manifest()
    for node in manifest["nodes"].values():
        if node["name"] == "palettes" and node["resource_type"] == "model":
            node["description"] = "One row per palette, told otherwise."
            node["columns"]["image_url"]["description"] = EVERYWHERE
        if node["name"] in ("unexpected_keys", "rejected_lines"):
            node["access"] = "protected"
    (place.target / "manifest.json").write_text(json.dumps(manifest))
    with duckdb.connect(str(place.database)) as connection:
        connection.execute("""
            update palettes set image_url = 'x' where palette_seed = (select min(palette_seed) from palettes);
            alter table palettes alter image_url drop not null;
            alter table palettes drop column created_at;
            alter table palettes add column is_new boolean default true;
            alter table palettes alter answer_count type integer;
            create or replace macro top_tags(n := 5) as table (select tag from tag_totals limit n);
            drop macro table palette_tags;
            create macro odd(x) as x + 1;
            insert into raw.build_runs by name
            (select * replace ('29991231T000000Z-000000' as run_id) from raw.build_runs limit 1);
        """)
    comparison = replace(edited, place=place).compare()
    found = {one.name: one for one in comparison.differences}
    palettes = found["palettes"]
    assert {(one.name, one.before, one.after) for one in palettes.aspects if "description" not in one.name} == {
        ("column is_new", None, "BOOLEAN"),
        ("column created_at", "TIMESTAMP", None),
        ("type of answer_count", "BIGINT", "INTEGER"),
    }
    assert {one.name for one in palettes.aspects if "description" in one.name} == {
        "description",
        "description of image_url",
    }
    assert palettes.rows.changed_columns == {"image_url": 1}
    assert [found[name].change for name in ("unexpected_keys", "palette_tags", "odd")] == [
        "removed",
        "removed",
        "added",
    ]
    changed, lost = found["top_tags"].aspects
    assert (lost.name, lost.after) == ("description", "")
    assert "prompt_version := NULL" in str(changed.before)
    assert "n := 5" in str(changed.after)
    assert "1 run" in comparison.notes[-1]


def test_a_release_with_older_names_is_compared_under_those_of_today(
    edited: Edited, comparison: Comparison, tmp_path: Path
) -> None:
    older = tmp_path / edited.published.name
    shutil.copytree(edited.published, older)
    (older / "palettes.duckdb").chmod(0o644)
    with duckdb.connect(str(older / "palettes.duckdb")) as connection:
        tables = """
            select table_name from duckdb_columns() join duckdb_tables() using (schema_name, table_name)
            where schema_name = 'main' and column_name = 'attribute' order by table_name
        """
        with_attribute = [table for (table,) in connection.execute(tables).fetchall()]
        for table in with_attribute:
            connection.execute(f"alter table {table} rename attribute to property")
        connection.execute("""
            alter table tag_totals rename tag to word;
            update tag_totals set tag_class = 'unheard' where tag_class = 'unmapped';
            alter table tag_totals rename to word_totals;
            update palettes set image_url = 'x' where palette_seed = (select min(palette_seed) from palettes);
            alter table palettes rename image_url to picture;
        """)
    renames = [
        Rename("word_totals", "", "", "tag_totals", ""),
        Rename("word_totals", "word", "", "tag", ""),
        Rename("word_totals", "tag_class", "unheard", "unmapped", ""),
        Rename("*", "property", "", "attribute", ""),
        Rename("palettes", "picture", "", "image_url", ""),
    ]
    assert edited.compare(renames=renames) == comparison  # which has today's names
    found = replace(edited, published=older).compare(renames=renames)
    (palettes,) = (one for one in found.differences if one.name == "palettes")
    assert (palettes.aspects, palettes.rows.changed_columns) == ([], {"image_url": 1})
    assert [one for one in found.differences if one != palettes] == comparison.differences
    *notes, note = found.notes
    assert notes == comparison.notes
    assert "word_totals is tag_totals; property is attribute in" in note
    assert all(table in note for table in with_attribute if table != "word_totals")


# Rows

CELLS = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.sampled_from([EVERYWHERE, "null", "NaN", "", "0"]),
)
ANY_FLOAT = st.floats(allow_infinity=True, allow_nan=False).map(lambda number: number + 0.0)
"""Without -0.0, which equals 0.0: DuckDB may give either."""
FLOATS = st.one_of(st.none(), ANY_FLOAT, st.sampled_from([0.1 + 0.2, 0.3]))
ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 2), CELLS, FLOATS), max_size=8)


def in_order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """As DuckDB orders: nulls last."""
    return tuple((value is None, "" if value is None else value) for value in row)


def by_hand(before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The change, and both halves: what one side has more often, paired by grain in the order of the rest."""
    more, fewer = Counter(after) - Counter(before), Counter(before) - Counter(after)
    found = []
    for grain in {row[:2] for row in (*more, *fewer)}:
        old = sorted((row for row in fewer.elements() if row[:2] == grain), key=in_order)
        new = sorted((row for row in more.elements() if row[:2] == grain), key=in_order)
        paired = min(len(old), len(new))
        found += [("changed", *pair) for pair in zip(old, new, strict=False)]
        found += [("removed", row, None) for row in old[paired:]]
        found += [("added", None, row) for row in new[paired:]]
    return found


@given(ROWS, ROWS)
def test_any_rows_are_compared_as_by_hand(before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> None:
    with duckdb.connect() as connection:
        for name, rows in (("old", before), ("new", after)):
            connection.execute(f'create table {name} ("odd ""name" varchar, g integer, text varchar, number double)')
            if rows:
                connection.executemany(f"insert into {name} values (?, ?, ?, ?)", rows)
        columns, grain = ['odd "name', "g", "text", "number"], ['odd "name', "g"]
        rows = compared_rows(connection, "select * from old", "select * from new", columns, grain, ALL)
    expected = []
    for change, old, new in by_hand(before, after):
        values = [n for n in (2, 3) if change != "changed" or old[n] != new[n]]
        halves = [{columns[n]: half[n] for n in values} if half else {} for half in (old, new)]
        expected.append(Row(change, dict(zip(grain, (old or new)[:2], strict=True)), *halves))
    assert Counter(map(repr, rows.samples)) == Counter(map(repr, expected))
    counts = Counter(row.change for row in expected)
    assert (rows.added, rows.removed, rows.changed) == (counts["added"], counts["removed"], counts["changed"])
    assert (rows.before, rows.after) == (len(before), len(after))


# What is shown

NESTED = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.lists(st.fixed_dictionaries({"key": st.text(max_size=2), "value": st.floats()}), max_size=3),
    ),
    max_leaves=8,
)


def shown_in(value: Any, other: Any, name: str = "x") -> Comparison:
    rows = [
        Row("changed", {name: value}, {name: value}, {name: other}),
        Row("added", {name: value}, {}, {name: other}),
        Row("removed", {name: value}, {name: other}, {}),
    ]
    aspects = [Aspect(name, str(value), str(other)), Aspect(name, None, str(other)), Aspect(name, str(value), None)]
    table = Difference("table", name, "changed", [name], aspects, Rows(1, 1, 1, 1, 1, {name: 1}, rows))
    function = Difference("function", name, "added", [], [Aspect("definition", None, str(other))], Rows(0, 0))
    return Comparison(name, "20261125T061644Z-0123456789ab", None, [name], [table, function], [name], [name])


@example(EVERYWHERE, "x" + EVERYWHERE, "````")
@given(NESTED, NESTED, st.text(min_size=1, max_size=5))
def test_whatever_was_said_shows_as_text(value: Any, other: Any, name: str) -> None:
    comparison = shown_in(value, other, name)
    markdown = as_markdown(comparison)
    assert all(character.isprintable() or character == "\n" for character in markdown)
    (fence,) = {line for line in markdown.split("\n") if re.fullmatch("`+diff", line)}
    inside = markdown.split(f"\n{fence}\n")[1]
    assert inside.count("\n" + fence.removesuffix("diff") + "\n") == 1
    assert as_json(comparison).isascii()
    json.loads(as_json(comparison))


@given(NESTED, NESTED)
def test_what_changed_is_seen_however_long_it_is(value: Any, other: Any) -> None:
    lines = as_markdown(shown_in(["x" * 200, value], ["x" * 200, other])).split("\n")
    changed = [line.split(": ", 1)[1] for line in lines if line.startswith("        x: ")]
    assert all(len(line) < 200 for line in changed)


def test_a_list_of_counts_is_told_by_tag() -> None:
    old = {"mood": [{"key": "calm", "value": 3.0}, {"key": "bold", "value": 2.0}, {"key": "zen", "value": 1.0}]}
    new = {"mood": [{"key": "calm", "value": 4.0}, {"key": "zen", "value": 1.0}]}
    lines = as_markdown(shown_in(old, new, "tags")).split("\n")
    assert [line.strip() for line in lines if line.startswith("        ")] == [
        'tags.mood["calm"]: 3.0 -> 4.0',
        'tags.mood["bold"]: 2.0 -> not there',
    ]


def test_on_a_terminal_nothing_steers_it(comparison: Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    print_text(comparison)
    out = capsys.readouterr().out
    assert "a\\u0000b" in out
    assert all(character.isprintable() or character == "\n" for character in out)


# The command


def run(edited: Edited, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = edited.place.settings(edited.published.parent)
    command = [sys.executable, "-m", "publish", "diff", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False)


def test_the_exit_code_tells_of_differences_where_that_is_asked_for(edited: Edited) -> None:
    done = run(edited, "--limit", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "tables that differ: 13; functions: 0" in done.stdout
    done = run(edited, "--exit-code", "--json", "--limit", "1")
    assert (done.returncode, done.stderr) == (1, "")
    assert [one["name"] for one in json.loads(done.stdout)["differences"]] == sorted(EXPECTED.keys() | MADE_OF_THEM)


@pytest.mark.parametrize("missing", ["build.of.sample.duckdb", "target/manifest.json"])
def test_without_a_build_or_a_release_it_says_what_to_do(
    edited: Edited,
    tmp_path: Path,
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = edited.place.copied(tmp_path / "place")
    (tmp_path / "place" / missing).unlink()
    for name, value in place.settings(edited.published.parent).items():
        monkeypatch.setenv(name, value)
    for arguments, hint in (([], "run dbt build"), (["--publish-dir", str(tmp_path)], "python -m publish")):
        assert main(["diff", *arguments]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert hint in err
        assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--limit", "-1"), ("--limit", "x"), ("a", "b"), ("--keep", "1")])
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["diff", *arguments])
    assert stop.value.code == 2
