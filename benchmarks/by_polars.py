"""The peer in polars: an export's consensus with data frames, exact by the same rules.

    .venv-polars/bin/python benchmarks/by_polars.py documents.jsonl rules.json out.parquet

polars reads JSON of one shape only, and refuses a whole file for one answer that has another. So the answers that are
just as they were asked for go that way, and Python reads the rest. Python cleans the distinct texts, too.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl  # ty: ignore[import-not-found] - it has an environment of its own

CATEGORICAL = ("temperature", "contrast", "brightness", "saturation")
LISTS = ("harmony", "mood", "style", "dominant_colors", "seasonal", "associations")
ATTRIBUTES = (*CATEGORICAL, *LISTS)
SHAPE = pl.Struct(
    {
        "seed": pl.String,
        "promptVersion": pl.String,
        "tags": pl.Struct(dict.fromkeys(CATEGORICAL, pl.String) | {name: pl.List(pl.String) for name in LISTS}),
    }
)

TEXT = r'"(?:[^"\\]|\\.)*"'
NUMBER = r"[0-9.]+"
LIST_OF_TEXTS = rf"\[(?:{TEXT}(?:,{TEXT})*)?\]"
AS_ASKED_FOR = (
    rf'^\{{"_creationTime":{NUMBER},"_id":{TEXT},(?:"analysisIndex":{NUMBER},)?"model":{TEXT},"promptVersion":{TEXT},'
    rf'"provider":{TEXT},(?:"runNumber":{NUMBER},)?"seed":{TEXT},"tags":\{{'
    + ",".join(f'"{name}":{TEXT if name in CATEGORICAL else LIST_OF_TEXTS}' for name in sorted(ATTRIBUTES))
    + r"\}(?:,\"usage\":\{[^{}]*\})?\}$"
)
"""Keys come in byte order in an export."""

WHITE_SPACE = re.compile("[\t-\r\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")
FRAGMENT = re.compile(r"""[\[\]{}]|["'] *[:,]|[:,] *\"""")
VALUES = {"seed": pl.String, "promptVersion": pl.String, "answer": pl.Int64, "attribute": pl.Int8, "text": pl.String}


def clean(text: str) -> str:
    """Make the tag of a text."""
    spaced = WHITE_SPACE.sub(" ", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")).strip(" ")
    composed = unicodedata.normalize("NFC", spaced) if len(spaced) <= 1000 else spaced
    return "".join("i" if character == "İ" else character.lower() for character in composed)


def strings(value: Any) -> Iterator[str]:
    """Yield the strings of a value in order: lists are taken apart at any depth, all else says nothing."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for element in value:
            yield from strings(element)


def odd_values(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read answers of any shape: the values, and one row for each answer that counts."""
    values, answers = [], []
    for number, line in lines.iter_rows():
        document = json.loads(line)
        seed, version, tags = (document.get(name) for name in ("seed", "promptVersion", "tags"))
        if isinstance(tags, dict) and isinstance(seed, str) and isinstance(version, str):
            answers.append((seed, version))
            values += [
                (seed, version, number, index, text)
                for index, name in enumerate(ATTRIBUTES)
                for text in strings(tags.get(name))
            ]
    groups = {"seed": pl.String, "promptVersion": pl.String}
    return pl.DataFrame(values, VALUES, orient="row"), pl.DataFrame(answers, groups, orient="row")


def main(source: str, rules: str, target: str) -> None:
    """Count the answers in `source` and write their consensus to `target`."""
    synonyms = json.loads(Path(rules).read_text(encoding="utf-8"))
    lines = pl.read_csv(
        source, has_header=False, new_columns=["line"], schema={"line": pl.String}, separator="\x01", quote_char=None
    ).with_row_index("answer")
    lines = lines.with_columns(pl.col("answer").cast(pl.Int64), usual=pl.col("line").str.contains(AS_ASKED_FOR))
    odd, odd_answers = odd_values(lines.filter(~pl.col("usual")).select("answer", "line"))
    usual = (
        lines.filter("usual")
        .select("answer", pl.col("line").str.json_decode(SHAPE).alias("document"))
        .unnest("document")
        .unnest("tags")
    )
    del lines
    key = ["seed", "promptVersion"]
    totals = pl.concat([usual.select(key), odd_answers]).group_by(key).agg(pl.len().cast(pl.Int64).alias("totalModels"))
    values = pl.concat(
        [odd]
        + [
            frame.select(*key, "answer", pl.lit(index, pl.Int8).alias("attribute"), pl.col(name).alias("text"))
            for index, name in enumerate(ATTRIBUTES)
            for frame in [usual.explode(name) if name in LISTS else usual]
        ]
    ).drop_nulls("text")
    del usual, odd
    texts = values.select("attribute", "text").unique()
    tags = []
    for index, text in texts.iter_rows():
        tag = clean(text)
        canonical = synonyms.get(ATTRIBUTES[index], {}).get(tag)
        is_published = canonical is not None or not (len(tag) > 100 or FRAGMENT.search(tag))
        tags.append((index, text, tag != "", is_published, canonical or tag))
    shape = {"attribute": pl.Int8, "text": pl.String, "says": pl.Boolean, "published": pl.Boolean, "tag": pl.String}
    said = values.join(pl.DataFrame(tags, shape, orient="row"), on=["attribute", "text"], maintain_order="left")
    del values
    said = said.filter("says")
    choices = said.filter(pl.col("attribute") < len(CATEGORICAL)).unique(
        ["answer", "attribute"], keep="first", maintain_order=True
    )
    of_lists = said.filter(pl.col("attribute") >= len(CATEGORICAL)).unique(["answer", "attribute", "tag"])
    lists = (
        pl.concat([choices, of_lists])
        .filter("published")
        .group_by(*key, "attribute", pl.col("tag").alias("key"))
        .agg(pl.len().cast(pl.Float64).alias("value"))
        .sort("value", "key", descending=[True, False])
        .group_by(*key, "attribute", maintain_order=True)
        .agg(pl.struct("key", "value").alias("list"))
    )
    wide = totals
    for index, name in enumerate(ATTRIBUTES):
        of_one = lists.filter(pl.col("attribute") == index).select(*key, pl.col("list").alias(name))
        wide = wide.join(of_one, on=key, how="left")
    wide.with_columns(pl.col(ATTRIBUTES).fill_null(pl.lit([], lists.schema["list"]))).write_parquet(target)


if __name__ == "__main__":
    sys.setrecursionlimit(20_000)  # a list in a list, hundreds deep
    main(*sys.argv[1:4])
