"""Palettes, each with a hidden truth, and the `palette_tags` documents that twelve models make of it."""

import base64
import hashlib
import json
import math
import random
import struct
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

from benchmarks.convex_zip import Encoding, ascending_ids, to_json
from benchmarks.mess import ERRORS, Mess
from benchmarks.vocabulary import CATEGORICAL, LISTS, TAGS_PER_LIST, frequency_table

MODELS = (  # provider, model, how often a value that it gives is one that fits the palette
    ("anthropic", "claude-3-5-haiku-20241022", 0.90),
    ("openai", "gpt-4o-mini", 0.88),
    ("openai", "gpt-5-nano", 0.84),
    ("groq", "llama-3.3-70b-versatile", 0.87),
    ("groq", "llama-3.1-8b-instant", 0.62),
    ("groq", "meta-llama/llama-4-scout-17b-16e-instruct", 0.74),
    ("groq", "meta-llama/llama-4-maverick-17b-128e-instruct", 0.82),
    ("groq", "qwen/qwen3-32b", 0.80),
    ("groq", "openai/gpt-oss-120b", 0.89),
    ("groq", "openai/gpt-oss-20b", 0.76),
    ("google", "gemini-2.0-flash", 0.86),
    ("google", "gemini-2.5-flash-lite", 0.78),
)
VERSIONS = ("f2eddcc99396", "21ba6a6ae768", "9dd807489671")
"""Prompt versions in use, oldest first: the oldest has `runNumber` from 1, the others `analysisIndex` from 0."""

RUNS = 2
RESULTS_PER_PALETTE = len(VERSIONS) * RUNS * len(MODELS)
DECOMPOSING_MODEL = "meta-llama/llama-4-scout-17b-16e-instruct"
"""In its second run it spells the accents of café palettes as a letter and a combining mark."""

MESS_EVERY = 19  # has no factor in common with the number of models and versions, so that all of them are hit
FAILURE_RATE = 0.0025
PALETTES_REMEMBERED = 50_000  # about 60 MB; beyond, palettes are made again, at a quarter more time
FIRST_MS, DAY_MS = 1_733_500_000_000.0, 86_400_000.0

Progress = Callable[[int, int], None]
"""Called now and then with the number of results written and the number of all."""


@dataclass(frozen=True)
class World:
    """Everything that the content depends on."""

    palettes: int
    seed: int
    clean: bool = False
    encoding: Encoding = "uniform"

    def rng(self, purpose: str) -> random.Random:
        """Return a source of randomness that starts from the same point at every call."""
        return random.Random(f"{self.seed}/{purpose}")

    @property
    def newcomers(self) -> int:
        """How many palettes have results although they were made too late to be exported."""
        return 0 if self.clean else max(1, self.palettes // 200)

    @property
    def results(self) -> int:
        """How many `palette_tags` documents there are. A newcomer has one from each model so far."""
        return self.palettes * RESULTS_PER_PALETTE + self.newcomers * len(MODELS)

    def is_exported(self, number: int) -> bool:
        """Tell whether the palette has a document: some were deleted, and their results stayed."""
        return number < self.palettes and (self.clean or number % 12 != 7)


class Palette(NamedTuple):
    """What is true of a palette, which the models see more or less well. Values are JSON fragments."""

    seed: str
    categorical: list[tuple[str, str]]
    """For each attribute the value that fits best, and the one that fits second."""
    lists: list[list[str]]
    """For each attribute the tags that fit, best first."""


_CATEGORICAL_POOLS = [tuple(map(to_json, values)) for values in CATEGORICAL.values()]
_LIST_POOLS = [list(map(to_json, frequency_table(values))) for values in LISTS.values()]
_ERRORS = tuple(map(to_json, ERRORS))
_ASSOCIATIONS = list(LISTS).index("associations")
_TRUTH_SIZES = [most + 1 + (most > 2) for _, most in TAGS_PER_LIST.values()]
_TRUTH = struct.Struct(f"<{len(CATEGORICAL) + sum(_TRUTH_SIZES)}H")
_SEED_BYTES = 60
_BASE64_TO_LETTERS = bytes.maketrans(b"+/", b"Xz")


def make_palette(world: World, number: int) -> Palette:
    """Derive a palette from its number alone, so that none has to be remembered."""
    digest = hashlib.shake_128(b"%d/%d" % (world.seed, number)).digest(_TRUTH.size + _SEED_BYTES)
    words = _TRUTH.unpack_from(digest)
    letters = base64.b64encode(digest[_TRUTH.size :]).translate(_BASE64_TO_LETTERS).decode()
    categorical = [
        (values[word % len(values)], values[(word >> 8) % len(values)])
        for word, values in zip(words, _CATEGORICAL_POOLS, strict=False)
    ]
    lists, start = [], len(CATEGORICAL)
    for size, pool in zip(_TRUTH_SIZES, _LIST_POOLS, strict=True):
        lists.append(list(dict.fromkeys([pool[word % len(pool)] for word in words[start : start + size]])))
        start += size
    if _is_cafe(number):
        lists[_ASSOCIATIONS] = list(dict.fromkeys(['"café"', *lists[_ASSOCIATIONS]]))
    return Palette(f"HQ{letters[: 41 + words[0] % 38]}", categorical, lists)


def _is_cafe(number: int) -> bool:
    """Tell whether a palette is surely associated with a café: both spellings meet in even the smallest export."""
    return number % 7 == 3


class _Slot(NamedTuple):
    """What is the same in every palette's result of one prompt version, run and model."""

    reliability: float
    before_error: str
    before_seed: str
    created_ms: float
    input_tokens: int
    has_usage: bool
    decomposes: bool


def _slots(world: World) -> list[_Slot]:
    slots = []
    for number, version in enumerate(VERSIONS):
        for run in range(RUNS):
            for provider, model, reliability in MODELS:
                names = f'"model":"{model}","promptVersion":"{version}","provider":"{provider}",'
                slots.append(
                    _Slot(
                        reliability=reliability + 0.03 * number,
                        before_error="" if number == 0 else f'"analysisIndex":{run}.0,',
                        before_seed=f'{names}"runNumber":{run + 1}.0,' if number == 0 else names,
                        created_ms=FIRST_MS + (40 * number + 2 * run) * DAY_MS,
                        input_tokens=520 + 260 * number + 3 * len(model),
                        has_usage=number > 0 or provider != "google",
                        decomposes=model == DECOMPOSING_MODEL and run == 1 and not world.clean,
                    )
                )
    return slots


def spread(total: int) -> Iterator[int]:
    """Yield 0 to total - 1, each once, neighbours far apart: an export's order by random ID, without sorting."""
    step = max(1, total * 618 // 1000)
    while math.gcd(step, total) != 1:
        step += 1
    position = 0
    for _ in range(total):
        yield position
        position = (position + step) % total


def result_lines(world: World, table_number: int, progress: Progress | None = None) -> Iterator[str]:
    """Yield the `palette_tags` documents as JSON, in by_id order, in bounded memory and the same at every call."""
    rng, slots, mess = world.rng("palette_tags"), _slots(world), Mess()
    palette_of = lru_cache(PALETTES_REMEMBERED)(partial(make_palette, world))
    regular, newest = world.palettes * RESULTS_PER_PALETTE, (len(VERSIONS) - 1) * RUNS * len(MODELS)
    ids = ascending_ids(table_number, world.results, world.rng("palette_tags/_id"))
    for done, (position, document_id) in enumerate(zip(spread(world.results), ids, strict=True)):
        if position < regular:
            number, slot = divmod(position, RESULTS_PER_PALETTE)
        else:
            number, slot = divmod(position - regular, len(MODELS))
            number, slot = world.palettes + number, newest + slot
        palette = palette_of(number)
        is_mess = not world.clean and done % MESS_EVERY == 7
        fails = not world.clean and not is_mess and rng.random() < FAILURE_RATE
        line = _result(palette, number, slots[slot], document_id, fails, rng.random)
        if is_mess:
            document = json.loads(line)
            mess.spoil(document)
            line = to_json(document)
        yield line
        if progress and done % 5000 == 0:
            progress(done, world.results)


def _result(
    palette: Palette, number: int, slot: _Slot, document_id: str, fails: bool, chance: Callable[[], float]
) -> str:
    """Write one document, keys in byte order. Built from fragments: this is run millions of times."""
    created = round(slot.created_ms + number * 1700.0 + chance() * 60_000, 4)
    head = f'{{"_creationTime":{created!r},"_id":"{document_id}",{slot.before_error}'
    if fails:
        error = _ERRORS[int(chance() * len(_ERRORS))]
        tags = ',"tags":null' if chance() < 0.5 else ""
        return f'{head}"error":{error},{slot.before_seed}"seed":"{palette.seed}"{tags}}}'
    tags = _answer(palette, slot.reliability, chance)
    if slot.decomposes and _is_cafe(number):
        tags = unicodedata.normalize("NFD", tags)
    usage = ""
    if slot.has_usage:
        tokens_in, tokens_out = slot.input_tokens + int(chance() * 40), len(tags) // 4 + int(chance() * 20)
        usage = f',"usage":{{"inputTokens":{tokens_in}.0,"outputTokens":{tokens_out}.0}}'
    return f'{head}{slot.before_seed}"seed":"{palette.seed}","tags":{tags}{usage}}}'


def _answer(palette: Palette, reliability: float, chance: Callable[[], float]) -> str:
    """Write a well-formed tag object as one model sees the palette."""
    temperature, contrast, brightness, saturation = [
        _categorical(truth, pool, reliability, chance)
        for truth, pool in zip(palette.categorical, _CATEGORICAL_POOLS, strict=True)
    ]
    mood, style, associations, dominant_colors, harmony, seasonal = [
        _tags(truth, pool, least + int(chance() * (most - least + 1)), reliability, chance)
        for truth, pool, (least, most) in zip(palette.lists, _LIST_POOLS, TAGS_PER_LIST.values(), strict=True)
    ]
    return (
        f'{{"associations":[{associations}],"brightness":{brightness},"contrast":{contrast}'
        f',"dominant_colors":[{dominant_colors}],"harmony":[{harmony}],"mood":[{mood}],"saturation":{saturation}'
        f',"seasonal":[{seasonal}],"style":[{style}],"temperature":{temperature}}}'
    )


def _categorical(truth: tuple[str, str], pool: tuple[str, ...], reliability: float, chance: Callable[[], float]) -> str:
    roll = chance()
    if roll < reliability:
        return truth[0]
    return truth[1] if roll < (1 + reliability) / 2 else pool[int(chance() * len(pool))]


def _tags(truth: list[str], pool: list[str], count: int, reliability: float, chance: Callable[[], float]) -> str:
    """Pick `count` different tags: of those that fit the best first, some passed over; then whatever comes to mind."""
    noticed = 0.85 * reliability
    chosen = [tag for tag in truth if chance() < noticed][:count]
    while len(chosen) < count:
        tag = pool[int(chance() * len(pool))]
        if tag not in chosen:
            chosen.append(tag)
    return ",".join(chosen)
