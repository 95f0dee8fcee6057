"""The tables of the generated export: their documents, and how the older export format describes them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.answers import (
    DAY_MS,
    FIRST_MS,
    MODELS,
    RUNS,
    VERSIONS,
    Progress,
    World,
    make_palette,
    result_lines,
    spread,
)
from benchmarks.convex_zip import Value, ascending_ids, to_json
from benchmarks.vocabulary import CATEGORICAL, LISTS

Fields = dict[str, Value]
Maker = Callable[[World], Iterator[Fields]]
"""Makes a table's documents, without `_id`, the same at every call."""

REFINEMENT_VERSIONS = ("6b1f0c2d9a47", "c04e77d1b3f8")
STRONG_MODEL = "gpt-5-mini"
NAN_BASE64 = "AAAAAAAA+H8="
HOUR_MS = DAY_MS / 24


@dataclass(frozen=True)
class Table:
    """A table of the export; `lines` makes its documents again at every call, as JSON in by_id order."""

    name: str
    number: int
    lines: Callable[[], Iterator[str]]
    shape: str
    """The documents' shape in the older format's notation."""
    overrides: tuple[str, ...] = ()
    """The older format's lines about the documents that the shape leaves ambiguous."""
    component: str = ""

    @property
    def folder(self) -> str:
        """The component's folder in the ZIP: `_components/a/_components/b/` for component a/b, empty for the app."""
        return "".join(f"_components/{name}/" for name in self.component.split("/") if name)

    def size(self) -> int:
        """Count the bytes of all lines."""
        return sum(len(line.encode()) + 1 for line in self.lines())


def make_tables(world: World, progress: Progress | None = None) -> list[Table]:
    """Return all tables, smallest first as Convex's export has them: `palette_tags` is always the largest."""
    small = [
        _table(world, "palettes", 10001, _palettes, {"imageUrl": "string", "seed": "string"}),
        _table(world, "prompt_versions", 10003, _prompt_versions, PROMPT_VERSION_SHAPE),
        _table(world, "tag_batches", 10004, _tag_batches, TAG_BATCH_SHAPE),
        _table(world, "palette_tag_refined", 10005, _refined, REFINED_SHAPE),
        _table(world, "refinement_batches", 10006, _refinement_batches, REFINEMENT_BATCH_SHAPE),
        _stats_cache_table(world, 10007),
        _table(world, "palette_tag_consensus", 10008, _consensus, CONSENSUS_SHAPE),
        Table("feature_flags", 10009, lambda: iter(()), "never"),
        # A table number is unique within a component only.
        _table(world, "rateLimits", 10001, _rate_limits, RATE_LIMIT_SHAPE, component="rateLimiter"),
    ]
    results = Table(
        "palette_tags", 10002, partial(result_lines, world, 10002, progress), _shape(10002, _result_shape(world))
    )
    return [*sorted(small, key=Table.size), results]


def _table(world: World, name: str, number: int, make: Maker, shape: dict[str, str], component: str = "") -> Table:
    def lines() -> Iterator[str]:
        return (to_json(document, world.encoding) for document in _documents(world, name, number, make))

    return Table(name, number, lines, _shape(number, shape), component=component)


def _documents(world: World, name: str, number: int, make: Maker) -> Iterator[Fields]:
    total = sum(1 for _ in make(world))
    ids = ascending_ids(number, total, world.rng(f"{name}/_id"))
    return ({"_id": document_id, **fields} for document_id, fields in zip(ids, make(world), strict=True))


def _palettes(world: World) -> Iterator[Fields]:
    for number in spread(world.palettes):
        if world.is_exported(number):
            yield {
                "_creationTime": _palette_created(number),
                "imageUrl": f"https://img.invalid/{number}.png",
                "seed": make_palette(world, number).seed,
            }


def _palette_created(number: int) -> float:
    return FIRST_MS - 2 * DAY_MS + number * 1500.0 + number % 97 / 97


def _prompt_versions(world: World) -> Iterator[Fields]:
    asked = "\n".join(f"- {name}: {', '.join(values)}" for name, values in CATEGORICAL.items())
    prompts = [
        (VERSIONS[0], "tagging", f"Describe this colour palette as JSON.\n{asked}", "first try"),
        (VERSIONS[1], "tagging", f"Describe this colour palette as JSON. Lower case, singular.\n{asked}", "singular"),
        (VERSIONS[2], "tagging", f"Describe this palette as strict JSON, no “凉”, no prose.\n{asked}", None),
        ("0d9e4b7a6c15", "tagging", "Draft: describe the palette in one word.\t", "never used"),
        (REFINEMENT_VERSIONS[0], "refinement", 'Given counts such as "calm: 7/10", write the final tags.', "v1"),
        (REFINEMENT_VERSIONS[1], "refinement", "Given counted answers, write the final tags and a sentence.", None),
    ]
    for number, (version, kind, content, message) in enumerate(prompts):
        fields: Fields = {
            "_creationTime": FIRST_MS - HOUR_MS + number * 40 * DAY_MS + 0.25,
            "content": content,
            "type": kind,
            "version": version,
        }
        yield fields if message is None else {**fields, "message": message}


def _tag_batches(world: World) -> Iterator[Fields]:
    last = len(VERSIONS) * len(MODELS) - 1
    for number in spread(last + 1):
        cycle, (provider, model, _) = number // len(MODELS), MODELS[number % len(MODELS)]
        requests = float(world.palettes * RUNS)
        failed = float(int(requests) * (number % 5) // 200)
        created = FIRST_MS + 40 * cycle * DAY_MS + number * 1234.5
        status = {last: "pending", last - 1: "processing", last - 2: "failed"}.get(number, "completed")
        done = requests - failed if status == "completed" else 0.0
        fields: Fields = {
            "_creationTime": created,
            "batchId": f"batch_{cycle}_{number % len(MODELS)}",
            "completedCount": done,
            "createdAt": created + 5.5,
            "failedCount": failed,
            "model": model,
            "provider": provider,
            "requestCount": requests,
            "status": status,
        }
        if cycle > 0:
            fields |= {"analysisCount": float(RUNS), "cycle": float(cycle), "promptVersion": VERSIONS[cycle]}
        if status == "completed":
            fields["completedAt"] = created + 3 * HOUR_MS
        if status == "failed":
            fields["error"] = "batch expired\nafter 24 h"
        if number % 9 == 0:
            shown = range(min(world.palettes, 3))
            fields["requestOrder"] = [make_palette(world, shown_number).seed for shown_number in shown]
        yield fields


def _refined(world: World) -> Iterator[Fields]:
    for position in spread((world.palettes + 2) // 3):
        number = 3 * position
        palette = make_palette(world, number)
        tags: Fields = {
            name: json.loads(best) for name, (best, _) in zip(CATEGORICAL, palette.categorical, strict=True)
        }
        tags |= {name: [json.loads(tag) for tag in best[:4]] for name, best in zip(LISTS, palette.lists, strict=True)}
        cycle = 2 if number % 4 == 0 else 1
        fields: Fields = {
            "_creationTime": FIRST_MS + 100 * DAY_MS + number * 900.5,
            "cycle": float(cycle),
            "embedText": ", ".join(json.loads(tag) for best in palette.lists[:3] for tag in best[:3]),
            "model": STRONG_MODEL,
            "promptVersion": REFINEMENT_VERSIONS[cycle - 1],
            "seed": palette.seed,
            "tags": tags,
        }
        if cycle == 2:
            fields |= {"sourceCycles": [1.0, 2.0], "inputSummary": f"{2 * len(MODELS)} answers, 凉 → cool"}
        if number % 5 != 0:
            fields["sourcePromptVersions"] = [*VERSIONS[-cycle:]]
            fields["usage"] = {"inputTokens": 900.0 + number % 50, "outputTokens": 120.0}
        if not world.clean and number % 18 == 6:
            fields |= {"embedText": "", "error": "content\nfiltered 凉", "tags": None}
        if not world.clean and number % 18 == 15:
            fields["tags"] = ["calm", tags]
        yield fields


def _refinement_batches(world: World) -> Iterator[Fields]:
    for number, status in enumerate(("completed", "completed", "failed", "processing")):
        fields: Fields = {
            "_creationTime": FIRST_MS + (99 + number) * DAY_MS + 0.5,
            "batchId": f"refine_{number}",
            "completedCount": 9.0 if status == "completed" else 0.0,
            "createdAt": FIRST_MS + (99 + number) * DAY_MS + 7.75,
            "cycle": float(number // 2 + 1),
            "failedCount": 1.0 if status == "completed" else 0.0,
            "model": STRONG_MODEL,
            "provider": "openai",
            "requestCount": 10.0,
            "requestOrder": [make_palette(world, shown).seed for shown in range(min(world.palettes, 2))],
            "sourcePromptVersions": [VERSIONS[-1]],
            "status": status,
        }
        if status == "completed":
            fields |= {"completedAt": FIRST_MS + (99.5 + number) * DAY_MS, "sourceCycles": [1.0]}
        if status == "failed":
            fields |= {"error": "quota exceeded", "retryCount": 3.0}
        yield fields


def _consensus(world: World) -> Iterator[Fields]:
    for number in range(min(world.palettes, 3)):
        palette = make_palette(world, number)
        answers = float(RUNS * len(MODELS))
        yield {
            "_creationTime": FIRST_MS + 110 * DAY_MS + number,
            "categorical": {
                name: [{"key": json.loads(best), "value": answers - 3}, {"key": "凉", "value": 3.0}]
                for name, (best, _) in zip(CATEGORICAL, palette.categorical, strict=True)
            },
            "promptVersion": VERSIONS[-1],
            "seed": palette.seed,
            "tags": {
                name: [{"key": json.loads(tag), "value": answers - 2 * rank} for rank, tag in enumerate(tags)]
                for name, tags in zip(LISTS, palette.lists, strict=True)
            },
            "totalModels": answers,
            "updatedAt": FIRST_MS + 110 * DAY_MS + 0.125,
        }


def _rate_limits(world: World) -> Iterator[Fields]:
    for number, name in enumerate(("tagging", "refinement")):
        yield {"_creationTime": FIRST_MS + number, "name": name, "shard": 0.0, "ts": FIRST_MS, "value": -0.0}


def _stats_cache(world: World) -> Iterator[Fields]:
    odd: Fields = {
        "big": 9007199254740993,
        "far": float("inf"),
        "huge": 1e16,
        "nan": float("nan"),
        "raw": b"\xde\xad\xbe\xef",
        "totalPalettes": float(world.palettes),
        "zero": -0.0,
    }
    values: list[tuple[str, Fields]] = [
        ("refinement_status", odd),
        ("counter", {"value": 42}),
        ("label", {"value": "42"}),
        ("digest", {"value": b"\x00\xff\x10"}),
    ]
    for number, (key, data) in enumerate(values):
        created = FIRST_MS + 105 * DAY_MS + number * 17.0625
        yield {"_creationTime": created, "data": data, "key": key, "updatedAt": created + 32.5}


_STATS_OVERRIDES: dict[Value, Value] = {
    "refinement_status": {"data": {"nan": {"$float64NaN": NAN_BASE64}}},
    "counter": {"data": {"value": "int64"}},
    "digest": {"data": {"value": "bytes"}},
}
"""What the older format says of the documents whose strings, by the shape, could be more than one thing."""


def _stats_cache_table(world: World, number: int) -> Table:
    odd = {"big": "int64", "far": "inf", "huge": "normalfloat64", "nan": "NaN", "raw": "bytes"}
    odd |= {"totalPalettes": "normalfloat64", "zero": "-0"}
    data = f'{_object(odd)} | {{"value": int64 | string | bytes}}'
    table = _table(world, "stats_cache", number, _stats_cache, {"data": data, "key": "string", "updatedAt": "float64"})
    overrides = tuple(
        to_json({str(document["_id"]): _STATS_OVERRIDES[document["key"]]})
        for document in _documents(world, "stats_cache", number, _stats_cache)
        if document["key"] in _STATS_OVERRIDES
    )
    return Table(table.name, number, table.lines, table.shape, overrides)


def _object(fields: dict[str, str]) -> str:
    """Write an object's shape; a name ending in `?` is optional, which the notation marks after the closing quote."""
    parts = (f'"{name.rstrip("?")}"{"?" * name.endswith("?")}: {fields[name]}' for name in sorted(fields))
    return f"{{{', '.join(parts)}}}"


def _shape(table_number: int, fields: dict[str, str]) -> str:
    return _object({"_creationTime": "normalfloat64", "_id": f"id<{table_number}>", **fields})


_COUNTS = dict.fromkeys(("completedCount", "createdAt", "failedCount", "requestCount"), "normalfloat64")
_USAGE = _object({"inputTokens": "normalfloat64", "outputTokens": "normalfloat64"})
_PAIRS = f"array<{_object({'key': 'string', 'value': 'normalfloat64'})}>"
PROMPT_VERSION_SHAPE = {
    "content": "string",
    "message?": "string",
    "type": '"refinement" | "tagging"',
    "version": "string",
}
TAG_BATCH_SHAPE = {
    **_COUNTS,
    "analysisCount?": "normalfloat64",
    "batchId": "field_name",
    "completedAt?": "normalfloat64",
    "cycle?": "normalfloat64",
    "error?": "string",
    "model": "string",
    "promptVersion?": "string",
    "provider": "field_name",
    "requestOrder?": "array<string>",
    "status": '"completed" | "failed" | "pending" | "processing"',
}
REFINED_SHAPE = {
    "cycle": "normalfloat64",
    "embedText": "string",
    "error?": "string",
    "inputSummary?": "string",
    "model": "string",
    "promptVersion": "string",
    "seed": "string",
    "sourceCycles?": "array<normalfloat64>",
    "sourcePromptVersions?": "array<string>",
    "tags": "unknown",
    "usage?": _USAGE,
}
REFINEMENT_BATCH_SHAPE = {
    **_COUNTS,
    "batchId": "field_name",
    "completedAt?": "normalfloat64",
    "cycle": "normalfloat64",
    "error?": "string",
    "model": "string",
    "provider": "field_name",
    "requestOrder": "array<string>",
    "retryCount?": "normalfloat64",
    "sourceCycles?": "array<normalfloat64>",
    "sourcePromptVersions": "array<string>",
    "status": "field_name",
}
CONSENSUS_SHAPE = {
    "categorical": f"record<field_name, {_PAIRS}>",
    "promptVersion": "string",
    "seed": "string",
    "tags": f"record<field_name, {_PAIRS}>",
    "totalModels": "normalfloat64",
    "updatedAt": "normalfloat64",
}
RATE_LIMIT_SHAPE = {"name": "field_name", "shard": "normalfloat64", "ts": "normalfloat64", "value": "-0"}


def _result_shape(world: World) -> dict[str, str]:
    clean_tags = dict.fromkeys(CATEGORICAL, "string") | dict.fromkeys(LISTS, "array<string>")
    shape = {
        "analysisIndex?": "normalfloat64",
        "model": "string",
        "promptVersion": "string",
        "provider": "field_name",
        "runNumber?": "normalfloat64",
        "seed": "string",
        "usage?": _USAGE,
    }
    if world.clean:
        return {**shape, "tags": _object(clean_tags)}
    return {**shape, "error?": "string", "tags?": "unknown"}
