"""What models really answer: every way in which a tagging result goes wrong, dealt out in turn and not by luck.

A *shape* spoils the form of one answer (a list that is a string, a failed call). A *words* mess puts odd strings in its
lists, and a *synonyms* mess answers the categorical attributes in words that the prompt doesn't allow. Every value is
one that Convex can store: no lone surrogates, field names of printable ASCII, at most 16 levels of nesting.
"""

import json
from collections.abc import Callable
from typing import Any

from benchmarks.vocabulary import CATEGORICAL, LISTS, SYNONYMS, words

Document = dict[str, Any]
Shape = Callable[[Document, int], None]
"""Spoils a document in place; the number, different at each call, picks the attribute."""

ERRORS = (
    "Unterminated string in JSON at position 512",
    "429 rate_limit_exceeded",
    "content\nfiltered 凉",
    "timeout after 60000 ms",
    'overloaded_error: {"type":"error"}',
)

DEEPEST_LIST = 14
"""Convex refuses documents nested more than 16 levels: the document, `tags` and 14 lists."""

SHAPES: dict[str, Shape] = {}


def _shape(name: str) -> Callable[[Shape], Shape]:
    def register(function: Shape) -> Shape:
        SHAPES[name] = function
        return function

    return register


def _list_name(turn: int) -> str:
    return tuple(LISTS)[turn % len(LISTS)]


def _categorical_name(turn: int) -> str:
    return tuple(CATEGORICAL)[turn % len(CATEGORICAL)]


def _set_list(make: Callable[[list[Any]], Any]) -> Shape:
    def spoil(doc: Document, turn: int) -> None:
        name = _list_name(turn)
        doc["tags"][name] = make(doc["tags"][name] or ["spring"])

    return spoil


def _set_categorical(make: Callable[[str], Any]) -> Shape:
    def spoil(doc: Document, turn: int) -> None:
        name = _categorical_name(turn)
        doc["tags"][name] = make(doc["tags"][name])

    return spoil


def _set_tags(make: Callable[[Document], Any]) -> Shape:
    def spoil(doc: Document, turn: int) -> None:
        doc["tags"] = make(doc["tags"])

    return spoil


def _nested(values: list[Any]) -> list[Any]:
    for _ in range(DEEPEST_LIST - 1):
        values = [values]
    return values


SHAPES["list as a string"] = _set_list(lambda values: values[0])
SHAPES["categorical as a list"] = _set_categorical(lambda value: [value, "mixed", "neutral"])
SHAPES["nested list"] = _set_list(lambda values: [values, ["ocean\u200b"]])
SHAPES["deeply nested list"] = _set_list(_nested)
SHAPES["list as an object"] = _set_list(lambda values: {str(n): value for n, value in enumerate(values)})
SHAPES["list as null"] = _set_list(lambda _: None)
SHAPES["categorical list, first empty"] = _set_categorical(lambda value: ["", " ", value])
SHAPES["list as joined text"] = _set_list(lambda values: ", ".join([*values, "calm"]))
SHAPES["list as a boolean"] = _set_list(lambda _: True)
SHAPES["categorical as null"] = _set_categorical(lambda _: None)
SHAPES["categorical as an object"] = _set_categorical(lambda value: {"value": value, "confidence": 0.8})
SHAPES["categorical as a number"] = _set_categorical(lambda _: 3.0)
SHAPES["numbers in a list"] = _set_list(lambda values: [*values, 3.0, -0.0, 0.25, 1e16, 1e-7])
SHAPES["booleans in a list"] = _set_list(lambda values: [True, *values, False])
SHAPES["objects in a list"] = _set_list(lambda values: [{"confidence": 0.9, "tag": values[0]}, {}, *values])
SHAPES["null in a list"] = _set_list(lambda values: [*values, None])
SHAPES["empty lists"] = _set_list(lambda _: [[], [[]]])
SHAPES["tags as a string"] = _set_tags(lambda tags: f"```json\n{json.dumps(tags, ensure_ascii=False)}\n```")
SHAPES["tags as a list"] = _set_tags(lambda tags: [tags["mood"], "calm", tags])
SHAPES["tags as a number"] = _set_tags(lambda _: 42.0)
SHAPES["tags as a boolean"] = _set_tags(lambda _: False)
SHAPES["tags as an empty object"] = _set_tags(lambda _: {})
SHAPES["tags in tags"] = _set_tags(lambda tags: {"tags": tags})


@_shape("list missing")
def _list_missing(doc: Document, turn: int) -> None:
    del doc["tags"][_list_name(turn)]


@_shape("categorical missing")
def _categorical_missing(doc: Document, turn: int) -> None:
    del doc["tags"][_categorical_name(turn)]


@_shape("failed, tags null")
def _failed_null(doc: Document, turn: int) -> None:
    doc.pop("usage", None)
    doc |= {"tags": None, "error": ERRORS[turn % len(ERRORS)]}


@_shape("failed, tags absent")
def _failed_absent(doc: Document, turn: int) -> None:
    doc.pop("usage", None)
    del doc["tags"]
    doc["error"] = ERRORS[turn % len(ERRORS)]


@_shape("tags null, no error")
def _null_without_error(doc: Document, turn: int) -> None:
    doc["tags"] = None


@_shape("error beside tags")
def _error_beside_tags(doc: Document, turn: int) -> None:
    doc["error"] = "finish_reason: length"


@_shape("no index, no usage")
def _no_optional_fields(doc: Document, turn: int) -> None:
    for name in ("analysisIndex", "runNumber", "usage"):
        doc.pop(name, None)


@_shape("unknown keys")
def _unknown_keys(doc: Document, turn: int) -> None:
    doc["tags"] |= {"confidence": 0.87, "notes": "凉, soft light", "Mood": ["calm"], "mood ": ["calm"], "tones": [1.0]}


@_shape("hostile keys")
def _hostile_keys(doc: Document, turn: int) -> None:
    doc["tags"] |= {"__proto__": {"mood": ["calm"]}, "constructor": "x", "": "empty", "a.b": 1.0, 'it\'s "so"': []}
    doc["tags"]["'; drop table tags; --"] = None


@_shape("same tag twice")
def _same_tag_twice(doc: Document, turn: int) -> None:
    name = _list_name(turn)
    doc["tags"][name] = (doc["tags"][name] or ["spring"]) * 2


@_shape("one tag, many spellings")
def _many_spellings(doc: Document, turn: int) -> None:
    doc["tags"]["style"] = ["Art Deco", "art-deco", "art deco", "ART  DECO"]


@_shape("composed and decomposed")
def _composed_and_decomposed(doc: Document, turn: int) -> None:
    doc["tags"]["associations"] = ["café", "cafe\u0301", "Cafe\u0301"]


@_shape("many values")
def _many_values(doc: Document, turn: int) -> None:
    count = 300 if turn < 2 * len(SHAPES) else 30
    tags = LISTS["associations"]
    doc["tags"]["associations"] = [tags[n % len(tags)] for n in range(count)]


@_shape("long string")
def _long_string(doc: Document, turn: int) -> None:
    repeats = 150 if turn < 2 * len(SHAPES) else 800
    doc["tags"]["mood"] = [*doc["tags"]["mood"], "calm and serene, 凉 " * repeats]


WORDS: dict[str, tuple[str, ...]] = {
    "scripts": words("凉, 日落, 平静, هادئ, غروب الشمس, שקט, शांत, सूर्यास्त, わびさび, 따뜻한, спокойный"),
    "emoji": words("👩‍👩‍👧‍👦, 🇯🇵, 🌅, 🏳️‍🌈, 👍🏽 calm, ❤️"),
    "accents": ("cafe\u0301", "cre\u0300me bru\u0302le\u0301e", "pin\u0303ata", "Café"),
    "compatibility forms": ("ｃａｌｍ", "ﬁre", "ｏﬃce", "①", "\u212bngstrom", "ﷺ"),
    "spaces": ("ocean\u200b", "wabi\u00a0sabi", "\ufeffcalm", "calm\ufeff", "art\u2009deco", "late\u3000autumn"),
    "directions": ("\u200fcalm\u200e", "\u202ecalm\u202c", "soft\u00adness", "\u2067שקט\u2069", "\u180ecalm"),
    "controls": ("calm\u0000", "\u0000", "ca\u0001lm", "\u001b[31mred", "\u001ccalm\u001f", "de\u007fl", "\bcalm"),
    "line ends": ("tab\tbed", "line\r\nbreak", "vertical\u000btab", "form\u000cfeed", "next\u0085line"),
    "separators": ("calm\u2028serene", "calm\u2029"),
    "fragments": (
        "purple'],\n \"temperature",
        '["calm"',
        '{"mood":',
        'calm", "serene',
        "```json",
        "}]",
        "]",
        '"',
        "\\",
    ),
    "quotes": ('"calm"', "it's", "back\\slash", "C:\\new\\table", "“calm”", "calm,", "calm.", "'serene'", "\\u0000"),
    "words of languages": words("null, undefined, NaN, __proto__, constructor, true, None, [object]"),
    "lengths": ("x" * 100, "x" * 101, "凉" * 100, "凉" * 101, f" {'y' * 100} ", "one two three four five six seven"),
    "case": (
        "CALM",
        "Serene",
        "  calm  ",
        "mOODY",
        "İstanbul",
        "ΟΔΥΣΣΕΥΣ",
        "όνειρος",
        "STRAẞE",
        "ǅungla",
        "\u212aELVIN",
    ),
    "plurals": words("forests, sunsets, berries, leaves, mid century, midcentury, mid-Century, grey"),
    "unwanted": words(
        "gradient, palette, color, scheme, blend, nice, beautiful, pretty, amazing, rgb, hex, hsl, vibe, "
        "inspired, feeling"
    ),
    "unwanted moods": words("warm, cool, neutral, vibrant, muted, bright, dark"),
    "empty": ("", " ", "\t\n", "\u00a0", "\u200b", "\ufeff", "\u2028"),
    "markup": ("<script>alert(1)</script>", "{{ config(enabled=false) }}", "{% raw %}", "%s%n", "a,b;c|d", "-- calm"),
    "attacks": ("'; DROP TABLE tags; --", "../../etc/passwd", "=cmd()", "@SUM(1+1)", "$(reboot)", "${jndi:ldap://x}"),
    "outside the vocabulary": words("turquoise, beige, gold, fall, xmas, monochrome, burnt sienna"),
}
WORDS_PER_ANSWER = 6
_LIST_OF_KIND = {"unwanted moods": "mood"}
_ALL_WORDS = tuple((word, _LIST_OF_KIND.get(kind)) for kind, group in WORDS.items() for word in group)
_TURNS = ("shape", "words", "shape", "synonyms", "shape", "words")


class Mess:
    """Deals out every kind of mess in turn, so that each is there in a small export and as frequent in a large one."""

    def __init__(self) -> None:
        self._turn = self._shape = self._word = self._synonym = 0

    def spoil(self, doc: Document) -> None:
        """Spoil a well-formed document in place, each time in the next way."""
        kind = _TURNS[self._turn % len(_TURNS)]
        self._turn += 1
        if kind == "shape":
            self._spoil_shape(doc)
        elif kind == "words":
            self._spoil_words(doc["tags"])
        else:
            self._spoil_categorical(doc["tags"])

    def _spoil_shape(self, doc: Document) -> None:
        shapes = tuple(SHAPES.values())
        lap, position = divmod(self._shape, len(shapes))
        shapes[position](doc, self._shape + lap)
        self._shape += 1

    def _spoil_words(self, tags: Document) -> None:
        for _ in range(WORDS_PER_ANSWER):
            lap, position = divmod(self._word, len(_ALL_WORDS))
            word, name = _ALL_WORDS[position]
            name = name or _list_name(self._word + lap)
            tags[name] = [*tags[name], word]
            self._word += 1

    def _spoil_categorical(self, tags: Document) -> None:
        for name, values in SYNONYMS.items():
            tags[name] = values[self._synonym % len(values)]
        self._synonym += 1
