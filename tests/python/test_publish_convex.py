"""What goes to Convex, judged by the encoder of values and the sizes of its own npm package (`make judges`)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import example, given
from hypothesis import strategies as st
from published import judge, sizes

from publish.convex import MAX_BYTES, MAX_ELEMENTS, SURELY_FITS, SYSTEM_FIELDS_BYTES, convex_size, fit, write_documents

CATEGORICAL = ("temperature", "contrast", "brightness", "saturation")
LISTS = ("harmony", "mood", "style", "dominant_colors", "seasonal", "associations")
HOSTILE = (
    "a\x00b",
    "🧑\u200d🚀",
    "\u200fשלום",
    "__proto__",
    "凉",
    "$integer",
    "constructor",
    '"',
    "\\",
    "\x7f",
    "\ufeff",
)


def consensus(seed: str = "s", **lists: Sequence[str]) -> dict[str, Any]:
    """A document in which the first key of each list is said most."""

    def entries(name: str) -> list[dict[str, Any]]:
        keys = lists.get(name, ())
        return [{"key": key, "value": float(len(keys) - place)} for place, key in enumerate(keys)]

    return {
        "seed": seed,
        "promptVersion": "v",
        "totalModels": 9.0,
        "categorical": {name: entries(name) for name in CATEGORICAL},
        "tags": {name: entries(name) for name in LISTS},
        "updatedAt": 1733500000638.286,
        "truncatedTags": 0.0,
    }


def written(directory: Path, *documents: dict[str, Any]) -> tuple[list[dict[str, Any]], Path, Any]:
    """Write documents by way of a Parquet file: what is in the file, the file, and what is told of it."""
    directory.mkdir(exist_ok=True)
    entry = 'struct("key" varchar, "value" double)[]'
    parts = {"categorical": CATEGORICAL, "tags": LISTS}
    types = {part: f"struct({', '.join(f'{name} {entry}' for name in names)})" for part, names in parts.items()}
    with duckdb.connect() as connection:
        connection.execute(
            'create table palette_tag_consensus (seed varchar, "promptVersion" varchar, "totalModels" double,'
            f' categorical {types["categorical"]}, tags {types["tags"]}, "updatedAt" double)'
        )
        for document in documents:
            values = [document[name] for name in ("seed", "promptVersion", "totalModels")]
            values += [document["categorical"], document["tags"], document["updatedAt"]]
            connection.execute("insert into palette_tag_consensus values (?, ?, ?, ?, ?, ?)", values)
        connection.table("palette_tag_consensus").write_parquet(str(directory / "documents.parquet"))
    path = directory / "documents.jsonl"
    told = write_documents(directory / "documents.parquet", path, lambda _done, _total: None)
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]], path, told


def test_convex_takes_every_document_and_refuses_the_naive_frequency_object(tmp_path: Path) -> None:
    document = consensus(mood=HOSTILE, temperature=["cool"])
    found, path, _told = written(tmp_path, document)
    assert found == [document]
    assert len(sizes(path)) == 1

    naive = tmp_path / "naive.jsonl"
    for key in HOSTILE:
        naive.write_text(json.dumps({"seed": "s", "mood": {key: 1.0}}) + "\n")
        done = judge(naive)
        is_a_name = key in ("__proto__", "constructor", '"', "\\")
        assert (done.returncode == 0) <= is_a_name, key
    naive.write_text(
        json.dumps({"seed": "s", "mood": {entry["key"]: entry["value"] for entry in found[0]["tags"]["mood"]}})
    )
    assert judge(naive).returncode == 1
    assert "Field name" in judge(naive).stderr


def test_a_size_is_what_convex_counts(tmp_path: Path) -> None:
    documents = [
        consensus(seed=key * length, mood=[key * length, key], contrast=["low"] * length)
        for key in HOSTILE
        for length in (1, 7, 300)
    ]
    path = tmp_path / "documents.jsonl"
    path.write_text("".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents))
    for counted, document in zip(sizes(path), documents, strict=True):
        assert 0 <= convex_size(document) + SYSTEM_FIELDS_BYTES - counted <= 37 - 32  # ids have 31 to 37 characters


def test_a_list_beyond_what_convex_takes_loses_what_was_said_least(tmp_path: Path) -> None:
    keys = [f"tag {number}" for number in range(MAX_ELEMENTS + 3)]
    (document,), path, told = written(tmp_path, consensus(mood=keys, style=keys[: MAX_ELEMENTS + 1], contrast=["low"]))
    assert [entry["key"] for entry in document["tags"]["mood"]] == keys[:MAX_ELEMENTS]
    assert len(document["tags"]["style"]) == MAX_ELEMENTS
    assert document["categorical"]["contrast"] == [{"key": "low", "value": 1.0}]
    assert document["truncatedTags"] == 4.0
    assert (told.rows, told.truncated_tags, told.left_out) == (1, 4, 0)
    assert b'"truncatedTags":4.0' in path.read_bytes()
    assert len(sizes(path)) == 1


def test_a_document_beyond_a_mebibyte_loses_entries_of_its_longest_list(tmp_path: Path) -> None:
    long = [f"{number:05}" + "凉" * 95 for number in range(3000)]
    document = consensus(mood=long, style=long[:1000], harmony=["triadic"])
    (found,), path, told = written(tmp_path, document)
    mood = found["tags"]["mood"]
    assert mood == document["tags"]["mood"][: len(mood)]
    assert found["tags"]["style"] == document["tags"]["style"]
    assert found["truncatedTags"] == 3000.0 - len(mood) == told.truncated_tags
    (size,) = sizes(path)
    one_more = convex_size(document["tags"]["mood"][len(mood)])
    assert MAX_BYTES - one_more < size + 5 <= MAX_BYTES


def test_a_document_whose_seed_alone_is_too_large_is_left_out_and_counted(tmp_path: Path) -> None:
    found, path, told = written(tmp_path, consensus("x" * 2**20, mood=["calm"]), consensus("y" * (2**20 - 5000)))
    assert [document["seed"][0] for document in found] == ["y"]
    assert (told.rows, told.left_out) == (1, 1)
    assert len(sizes(path)) == 1


def test_a_line_that_is_passed_on_unread_can_not_be_too_much() -> None:
    document = consensus(mood=[""] * (MAX_ELEMENTS + 1))
    assert len(json.dumps(document, separators=(",", ":"))) > SURELY_FITS
    assert SURELY_FITS < MAX_BYTES / 4


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
entry_lists = st.lists(st.tuples(texts, st.integers(0, 40)), max_size=4)


@given(st.fixed_dictionaries(dict.fromkeys(CATEGORICAL + LISTS, entry_lists)), texts)
@example({name: [("凉", 40)] for name in CATEGORICAL + LISTS}, "")
def test_whatever_is_said_fits_and_the_first_of_each_list_stays_in_order(lists: dict[str, Any], seed: str) -> None:
    keys = {name: [text * 40 for text, times in said for _ in range(times * 5)] for name, said in lists.items()}
    document, untouched = consensus(seed, **keys), consensus(seed, **keys)
    assert fit(document)
    assert convex_size(document) + SYSTEM_FIELDS_BYTES <= MAX_BYTES
    before = untouched["categorical"] | untouched["tags"]
    cut = 0
    for name, tags in (document["categorical"] | document["tags"]).items():
        assert tags == before[name][: len(tags)]
        cut += len(before[name]) - len(tags)
    assert document["truncatedTags"] == float(cut)
    if cut == 0:
        assert document == untouched
