"""The benchmarks, at a small size: they keep working, peers do the same work, and what fails is no speed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import strategies
from comparison import RULES
from convex_deployment.control import Deployment
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks import bench, changes, growth, measuring, reference, sync_speed
from benchmarks.by_hand import ATTRIBUTES, CATEGORICAL, COMPARED_IN_PAIRS
from benchmarks.generate import generate
from benchmarks.measuring import PROJECT, Cost, median, watch
from benchmarks.peers import BY_HAND, Peer, answer_rows, peers
from benchmarks.results_page import replace_section
from extract.landing import LandingZone
from extract.load import load

pytestmark = pytest.mark.further

FIXED = 4
"""So many are the same each time."""
EXAMPLES = int(os.environ.get("COUNTING_EXAMPLES", FIXED))
"""Each starts every peer, in about a second. `COUNTING_EXAMPLES=200` looks further, elsewhere each time."""


def _as_asked_for(words: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw the tags of an answer that has the shape that the prompt asks for, with short and with longer lists."""
    word = st.sampled_from(words)
    return st.fixed_dictionaries(
        {
            name: word if name in CATEGORICAL else st.lists(word, max_size=COMPARED_IN_PAIRS + 2)
            for name in sorted(ATTRIBUTES)
        }
    )


PLAIN = ["calm", "sea", "blue", "gray", "spring", "modern", "forest", "navy", "serene", "triadic", "warm", "high"]
USUAL = (
    _as_asked_for(PLAIN)
    | _as_asked_for([*PLAIN, "灰"])
    | _as_asked_for([*PLAIN, "Calm", "ΟΔΟΣ", "İzmir", "cafe\u0301"])
)
"""Peers have a fast way for these. Some say a synonym, or a word that cleaning changes; some say one twice."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peers")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == FIXED,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(documents=strategies.documents(max_size=160), usual=st.lists(USUAL, min_size=10, max_size=40))
def test_every_peer_counts_arbitrary_answers_by_the_rules(
    directory: Path, documents: list[str], usual: list[dict[str, Any]]
) -> None:
    documents = [*documents, *(_exported(number, tags) for number, tags in enumerate(usual))]
    answers = directory / "answers.jsonl"
    answers.write_text("".join(f"{document}\n" for document in documents), encoding="utf-8")
    expected = {
        (
            row["seed"],
            row["promptVersion"],
            row["totalModels"],
            *_lists(row, lambda entry: (entry["key"], entry["value"])),
        )
        for row in RULES.consensus(documents).values()
    }
    found, _ = peers(directory / "none.zip", answers, directory)
    for peer in (one for one in found if one.answer):
        subprocess.run(peer.command, cwd=PROJECT, check=True)
        assert _answer(peer) == expected, peer.name


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == FIXED, suppress_health_check=list(HealthCheck))
@given(usual=st.lists(USUAL, min_size=10, max_size=40))
def test_the_reference_counts_usual_answers_by_the_rules(directory: Path, usual: list[dict[str, Any]]) -> None:
    documents = [_exported(number, tags) for number, tags in enumerate(usual)]
    answers, lists = directory / "usual.jsonl", directory / "reference.parquet"
    answers.write_text("".join(f"{document}\n" for document in documents), encoding="utf-8")
    reference.main(str(answers), str(lists))
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select seed, pv, att, l from read_parquet('{lists}', hive_partitioning = false)"
        ).fetchall()
    assert {
        (seed, version, ATTRIBUTES[number], entry["key"]): entry["value"]
        for seed, version, number, entries in rows
        for entry in entries
    } == {key: row["answer_count"] for key, row in RULES.frequencies(documents).items()}


def _exported(number: int, tags: dict[str, Any]) -> str:
    """Write a document as Convex exports it, keys in byte order."""
    document = {
        "_creationTime": 1764000000000.25,
        "_id": f"u{number}",
        "analysisIndex": 0.0,
        "model": f"model-{number % 3}",
        "promptVersion": "0123456789ab",
        "provider": "groq",
        "seed": f"seed-{number % 2}",
        "tags": tags,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _lists(row: dict[str, Any], pair: Callable[[Any], tuple[str, float]]) -> list[tuple[tuple[str, float], ...]]:
    parts = [row["categorical" if name in CATEGORICAL else "tags"][name] for name in ATTRIBUTES]
    return [tuple(map(pair, entries)) for entries in parts]


def _answer(peer: Peer) -> set[Any]:
    assert peer.answer
    with duckdb.connect() as connection:
        rows = connection.execute(f"from {answer_rows(peer.answer)}").fetchall()
    found = {
        (*row[:3], *(tuple((entry["key"], entry["value"]) for entry in entries) for entries in row[3:])) for row in rows
    }
    assert len(found) == len(rows)
    return found


def test_stages_are_measured_beside_peers_that_give_the_same_answer(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    where = ["--directory", str(tmp_path / "bench"), "--results", str(page)]
    assert bench.main(["--palettes", "20", "--runs", "1", "--models-only", *where]) == 0

    rows = {cells[0]: cells for line in page.read_text().splitlines() if (cells := _cells(line))}
    by_peers = {peer.name for peer in peers(Path("x.zip"), Path("x.jsonl"), tmp_path)[0] if peer.answer}
    assert {BY_HAND} <= by_peers
    assert {rows[name][-1] for name in by_peers} == {"the same"}
    assert float(rows["staging"][1]) + float(rows["values"][1]) + float(rows["marts"][1]) == pytest.approx(
        float(rows["SQL of the models, in turn"][1]), abs=0.15
    )
    for name in ("extract load", "SQL of the models, in turn", *by_peers):
        assert float(rows[name][1]) > 0
        assert float(rows[name][3]) > 0
    for name in (BY_HAND, "SQL of the models, in turn"):
        assert rows[name][6].endswith("× reference")
    if shutil.which("unzip"):
        assert rows["extract load"][6].endswith("× unzip")
    assert sum(line.startswith("| `") for line in page.read_text().splitlines()) == bench.SLOWEST
    assert str(PROJECT) not in page.read_text()
    assert [path.name for path in (tmp_path / "bench").iterdir()] == ["export-20.zip"]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\", "") for cell in line.replace("\\|", "\\").split("|")][1:-1]


def _measured(palettes: int, *, differing: int = 0, failure: str | None = None) -> bench.Measured:
    """Costs of which time grows in proportion to palettes by hand, and with their square in the models."""
    size = palettes / 100
    costs = {
        BY_HAND: Cost(size, size, 100.0, failure=failure),
        "polars": Cost(2 * size, size, 100.0),
        bench.STAGES["models"]: Cost(size**2, size, 100 * size),
    }
    models = {"slow": Cost(size**2, size, 1.0), "steady": Cost(size, size, 1.0), "small": Cost(size**3 / 1e6, 0.0, 1.0)}
    differs = {BY_HAND: (0, 9), "polars": (differing, 9)}
    return bench.Measured(palettes, palettes * 72, 1, costs, models, differs)


def test_the_exponent_tells_how_time_and_memory_grow(tmp_path: Path) -> None:
    found = [_measured(palettes) for palettes in (1_000, 2_000, 4_000)]
    seconds, cpu, memory, models = growth.growth_tables(found)
    assert [row[-2:] for row in seconds[2]] == [["1.00", "1.00"], ["1.00", "1.00"], ["2.00", "2.00"]]
    assert [row[-1] for row in cpu[2]] == ["1.00", "1.00", "1.00"]
    assert [row[-2:] for row in memory[2]] == [["0.00", "0.00"], ["0.00", "0.00"], ["1.00", "1.00"]]
    assert [row[0] for row in models[2]] == ["slow", "steady"]

    growth.report(found, tmp_path / "results.md")
    assert "| slow | 100.0 | 400.0 | 1,600.0 | 2.00 | 2.00 |" in (tmp_path / "results.md").read_text()


def test_growth_needs_two_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        growth.main(["--palettes", "100"])
    assert "two sizes or more" in capsys.readouterr().err


def test_a_peer_that_gives_another_answer_gets_no_ratio() -> None:
    ratio, answer = -2, -1
    same, another = _measured(1_000), _measured(1_000, differing=2)
    assert bench.row(same, "polars", same.costs["polars"])[ratio] == "2.00 × by hand"
    assert bench.row(another, "polars", another.costs["polars"])[ratio] == ""
    assert bench.row(another, "polars", another.costs["polars"])[answer] == "differs in 2 of 9"


def test_what_fails_is_told_and_nothing_is_compared_with_it() -> None:
    measured = _measured(1_000, failure="out of memory")
    assert bench.row(measured, BY_HAND, measured.costs[BY_HAND])[-3:] == ["", "", "fails: out of memory"]
    assert bench.row(measured, "polars", measured.costs["polars"])[-2] == ""


WAIT_UNTIL_SEEN = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "ready").touch()
while not (folder / "seen").exists():
    time.sleep(0.01)
"""


@pytest.fixture
def until_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for `WAIT_UNTIL_SEEN`, which waits for a look that began when it was ready."""
    look = measuring._Watcher._look

    def noticed(watcher: measuring._Watcher) -> None:
        is_ready = (tmp_path / "ready").exists()
        look(watcher)
        if is_ready:
            (tmp_path / "seen").touch()

    monkeypatch.setattr(measuring._Watcher, "_look", noticed)
    return tmp_path


def test_memory_is_that_of_all_processes_together(until_seen: Path) -> None:
    hold = f"held = bytearray(100_000_000); {WAIT_UNTIL_SEEN}"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}, sys.argv[1]]); "
    cost = watch([sys.executable, "-c", f"held = bytearray(100_000_000); {start}", str(until_seen)], {}).cost
    assert cost.failure is None
    assert cost.peak > (200 if Path("/proc/self/stat").exists() else 100)


def test_what_is_spilled_is_measured(until_seen: Path) -> None:
    spill = "import pathlib, sys; p = pathlib.Path(sys.argv[2]); p.mkdir(); (p / 'f').write_bytes(bytes(3_000_000))"
    spilled = until_seen / "spilled"
    command = [sys.executable, "-c", f"{spill}{WAIT_UNTIL_SEEN}(p / 'f').unlink()", str(until_seen), str(spilled)]
    assert watch(command, {}, spilled).cost.spilled == 3.0
    assert watch([sys.executable, "-c", ""], {}, until_seen / "none").cost.spilled == 0.0


def test_memory_that_ran_out_is_told_as_such(tmp_path: Path) -> None:
    assert watch([sys.executable, "-c", "raise SystemExit('no such table')"], {}).cost.failure == "no such table"
    assert watch(["sh", "-c", "kill -9 $$"], {}).cost.failure == "killed by SIGKILL"
    fill = "import duckdb; duckdb.sql(\"set memory_limit = '50MB'; set max_temp_directory_size = '1MB'\")"
    fill += "; duckdb.sql('create temp table t as select range as a, uuid() as b from range(10_000_000)')"
    assert watch([sys.executable, "-c", fill], {}).cost.failure == "out of memory"


def test_one_failure_of_several_runs_is_a_failure() -> None:
    costs = [Cost(1, 1, 1), Cost(2, 2, 2, failure="out of memory"), Cost(9, 3, 3)]
    assert median(costs) == Cost(2, 2, 2, 0, "out of memory")


def test_a_section_of_the_page_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    for title, body in [("5 palettes", "once"), ("50 palettes", "stays"), ("5 palettes", "new\n\n### part\n\nof it")]:
        replace_section(page, title, body)
    text = page.read_text()
    assert text.startswith("# What it costs\n")
    assert text.endswith("## 5 palettes\n\nnew\n\n### part\n\nof it\n\n## 50 palettes\n\nstays\n")
    assert "once" not in text


def test_a_sync_is_measured_beside_its_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sync_speed.bench(2_000, 1, tmp_path)
    table = capsys.readouterr().out
    assert "extract sync" in table
    assert "one page of 64 MiB" in table


def test_documents_that_did_not_land_are_no_speed(tmp_path: Path) -> None:
    with Deployment.start() as deployment:
        deployment.fill(sync_speed.TABLE, 10)
        with pytest.raises(SystemExit, match="10 documents landed of 11"):
            sync_speed.sync(deployment, tmp_path, 11)


def test_a_sync_is_made_of_a_share_of_the_palettes(tmp_path: Path) -> None:
    place = bench.Place(tmp_path, 50)
    generate(place.export, palettes=50, seed=1)
    full = load(place.export, LandingZone(place.raw))
    run_id, landed = changes.land_changes(place, 0.2)
    with duckdb.connect() as connection:
        before, after = (
            "(select _id, _op, document, document ->> '$.seed' as seed"
            f" from read_parquet('{place.raw}/{run}/palette_tags.parquet', hive_partitioning = false))"
            for run in (full.run_id, run_id)
        )
        assert connection.execute(f"select count(*) from {after}").fetchone() == (landed,)
        (touched,) = connection.execute(f"select count(distinct seed) from {after}").fetchone() or (0,)
        assert 0.05 < touched / 50 < 0.4
        counted = connection.execute(f"""
            select
                count(*) filter (where landed._op = 'delete' and was.document is not null),
                count(*) filter (where landed._op = 'upsert' and was.document is null),
                count(*) filter (where landed._op = 'upsert' and landed.document <> was.document),
                count(*)
            from {after} as landed left join {before} as was using (_id)
        """).fetchone()
    assert counted is not None
    deleted, added, changed, all_of_them = counted
    assert (deleted, added) == (touched, touched)
    assert changed > 10 * touched
    assert deleted + added + changed == all_of_them
