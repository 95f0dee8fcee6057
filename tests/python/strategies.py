"""Hypothesis strategies for `palette_tags` documents as they really arrive.

Everything but `messy_text` gives JSON text, not Python values: so a value can be nested a thousand deep without
recursion, an object can carry a key twice, and the same character can come escaped or as it is.

Texts are drawn mostly from small pools, so that different spellings of one tag meet in one group.
"""

import json
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Literal

import counting_rules
from hypothesis import strategies as st

SearchStrategy = st.SearchStrategy

CATEGORICAL = ("temperature", "contrast", "brightness", "saturation")
LISTS = ("harmony", "mood", "style", "dominant_colors", "seasonal", "associations")
ATTRIBUTES = CATEGORICAL + LISTS

# The first palette and the first prompt get most of the answers, so that their groups are worth counting.
SEEDS = ("seed-a", "seed-a", "seed-a", "seed-b", "sëed 凉")
PROMPT_VERSIONS = ("0123456789ab", "0123456789ab", "ba9876543210")
MODELS = (
    ("groq", "llama-3.3-70b-versatile"),
    ("groq", "qwen/qwen3-32b"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-3-5-haiku-20241022"),
)

WORDS = {
    "temperature": ("warm", "cool", "neutral", "cool-warm", "凉", "mixed", "both", "grey", "balanced", "lukewarm"),
    "contrast": ("high", "medium", "low", "strong", "subtle", "moderate", "minimal", "none"),
    "brightness": ("dark", "medium", "light", "varied", "bright", "very light", "deep", "average", "contrast"),
    "saturation": ("vibrant", "muted", "mixed", "vivid", "dull", "pastel", "moderate", "high", "so-so"),
    "harmony": ("analogous", "triadic", "split-complementary", "split complementary", "clash", "gradient", "analog"),
    "mood": ("calm", "serene", "warm", "bright", "playful", "gradient", "feeling", "peaceful"),
    "style": ("art deco", "art-deco", "art nouveau", "retro", "gradient", "inspired", "60s"),
    "dominant_colors": ("blue", "navy", "gray", "grey", "magenta", "blues", "teal", "rgb", "凉"),
    "seasonal": ("spring", "early spring", "new year", "lunar new year", "fall", "christmas", "xmas", "blend"),
    "associations": ("café", "sea", "beach", "ocean", "palette", "凉", "night sky"),
}

NASTY_TEXTS = (
    "",
    " ",
    "\u00a0\u3000",
    "\ufeff",
    "\t\r\n",
    "\u2028",
    "\u200b",
    "\u200bcalm",
    "calm\u200d",
    "\u200fcalm",
    "\u180ecalm",
    "\x00",
    "calm\x00",
    "\x00calm",
    "cafe\x00\u0301",
    "caf\u00e9\x00tail",
    "\x01\x1f\x7f",
    "\x1c\x1d\x1e\x1f",
    "\x0b\x0c\x85calm",
    "Art Deco",
    "ART\u3000DECO",
    "art\u00a0\u00a0deco",
    "caf\u00e9",
    "cafe\u0301",
    "CAFE\u0301",
    "ΣΑΣ ΟΔΟΣ",
    "σας οδος",
    "İstanbul",
    "I\u0307stanbul",
    "istanbul",
    "ISTANBUL",
    "J\u030c",
    "\u01f0",
    "\u212a",
    "k",
    "\u212b",
    "å",
    "ẞ",
    "ß",
    "straße",
    "ﬁre",
    "fire",
    "ｃａｌｍ",
    "ＣＡＬＭ",
    "凉",
    "平静",
    "هادئ",
    "רגוע",
    "\u0936\u093e\u0902\u0924",
    "\u1100\u1161",
    "가",
    "👩\u200d👩\u200d👧",
    "🇫🇷",
    "🌊",
    "❤\ufe0f",
    "𝒞alm",
    "𐐀",
    "\ue000",
    "purple'],\n \"temperature",
    '["calm"',
    '{"mood":',
    '"calm"',
    '"calm" ,',
    "'calm' : x",
    ', "x',
    ",'x",
    "calm, serene",
    "mood: calm",
    "calm]",
    "it's",
    "rock 'n' roll",
    'say "hi"',
    "\\",
    "\\n",
    "a\\\\b",
    "C:\\path",
    "null",
    "undefined",
    "NaN",
    "true",
    "0",
    "__proto__",
    "constructor",
    "$.mood",
    "%s",
    "'; drop table tags; --",
    "{{ this }}",
    "x" * 100,
    "x" * 101,
    "X" * 100 + "  ",
    "凉" * 100,
    "凉" * 101,
    "🌊" * 100,
    "e\u0301" * 100,
    "e\u0301" * 101,
    "[" + "y" * 101,
    "long " * 1000,
)

PADDING = ("", "", "", " ", "  ", "\n", "\u00a0", "\u2009", "\u3000", "\ufeff", " \ufeff\t")
BETWEEN_WORDS = (" ", " ", "  ", "\u00a0", "\u202f", "\u2028", "\u3000\u3000", "-")

NOT_TEXT = (
    *("null", "true", "false", "0", "1", "-0.0", "3.25", "1e3", "9007199254740993", "{}", '{"calm": 3}'),
    *('{"tag": "calm"}', '{"0": "calm", "1": ["warm"]}', '{"a": {"b": [null, {"c": "凉"}]}}'),
)

MALFORMED_TAGS = ('"calm"', '"{\\"mood\\": [\\"calm\\"]}"', "[]", '[{"mood": ["calm"]}]', "7", "true")

# What may stand where a string is due; None stands for an absent field.
WRONG_VALUES = (None, "null", "7", "true", '["seed-a"]', '{"seed": "seed-a"}', '""')

MORE_FIELDS = (
    {"analysisIndex": "0"},
    {"analysisIndex": "1.0", "usage": '{"inputTokens": 812.0, "outputTokens": 64.0}'},
    {"runNumber": "1.0"},
    {},
    {"somethingNew": '{"tags": {"mood": ["calm"]}}'},
)

UNKNOWN_KEYS = ("Mood", "mood ", "colour", "$.mood", "mood.0", "__proto__", "", 'mood"', "mood\\", "凉", "tags", "*")


def weighted(*choices: tuple[int, SearchStrategy[str]]) -> SearchStrategy[str]:
    """Draw from one of several strategies, each as often as its weight says (`one_of` ignores repetitions)."""
    pool = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.integers(0, len(pool) - 1).flatmap(pool.__getitem__)


def arbitrary_text() -> SearchStrategy[str]:
    """Draw any short text that Python and DuckDB must treat alike."""
    known = st.characters(exclude_categories=("Cs", "Cn"), exclude_characters=counting_rules.DROPPED_BY_DUCKDB)
    return st.text(known, max_size=8)


def words_of(attribute: str) -> SearchStrategy[str]:
    """Draw a word that models say of an attribute: most often one of the first, at times a word of another one."""
    foreign = tuple(word for words in WORDS.values() for word in words)
    return weighted(
        (4, st.sampled_from(WORDS[attribute][:2])),
        (4, st.sampled_from(WORDS[attribute])),
        (1, st.sampled_from(foreign)),
    )


def spelled(
    word: str, case: Callable[[str], str], form: Literal["NFC", "NFD"], between: str, before: str, after: str
) -> str:
    """Write a word in another case and normal form, with odd white space in it and about it."""
    return before + unicodedata.normalize(form, case(word).replace(" ", between)) + after


def spelling(words: SearchStrategy[str]) -> SearchStrategy[str]:
    """Draw a way to write a word."""
    return st.builds(
        spelled,
        words,
        st.sampled_from((str.lower, str.lower, str.title, str.upper)),
        st.sampled_from(("NFC", "NFC", "NFD")),
        st.sampled_from(BETWEEN_WORDS),
        st.sampled_from(PADDING),
        st.sampled_from(PADDING),
    )


@cache
def messy_text(attribute: str = "mood") -> SearchStrategy[str]:
    """Draw a text a model may answer: mostly plain words, else a spelling of one, a nasty of the pool, or anything."""
    words = words_of(attribute)
    return weighted((6, words), (2, spelling(words)), (2, st.sampled_from(NASTY_TEXTS)), (1, arbitrary_text()))


# --- JSON text -------------------------------------------------------------------------------------------------------


def json_string(text: SearchStrategy[str]) -> SearchStrategy[str]:
    """Write a text as a JSON string, with or without escapes for what isn't ASCII."""
    return st.builds(lambda value, escaped: json.dumps(value, ensure_ascii=escaped), text, st.booleans())


def json_array(elements: list[str]) -> str:
    """Write an array of JSON texts."""
    return "[" + ", ".join(elements) + "]"


def json_object(pairs: list[tuple[str, str]]) -> str:
    """Write an object of plain keys and JSON texts; a key may be there twice."""
    return "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in pairs) + "}"


def nested(value: str, depth: int) -> str:
    """Wrap a JSON text in arrays, `depth` of them."""
    return "[" * depth + value + "]" * depth


def not_text() -> SearchStrategy[str]:
    """Draw JSON that is neither a string nor an array."""
    return st.sampled_from(NOT_TEXT)


@cache
def tag_value(attribute: str) -> SearchStrategy[str]:
    """Draw the JSON text of one attribute's value: as asked for more often than not, else anything."""
    string = json_string(messy_text(attribute))
    flat_list = st.lists(string, max_size=5).map(json_array)
    mixed_list = st.lists(weighted((6, string), (1, not_text()), (1, flat_list)), max_size=5).map(json_array)
    deep = st.builds(nested, mixed_list, st.sampled_from((1, 2, 3, 1000)))
    around_deep = st.builds(lambda before, inner, after: json_array([before, inner, after]), string, deep, string)
    usual = string if attribute in CATEGORICAL else flat_list
    return weighted((9, usual), (1, string), (1, flat_list), (2, mixed_list), (1, not_text()), (1, around_deep))


def _pairs() -> SearchStrategy[tuple[str, str]]:
    """Draw a key of `tags` with its value; a few are keys that nobody asked for."""
    known = [st.tuples(st.just(attribute), tag_value(attribute)) for attribute in ATTRIBUTES]
    return st.one_of(*known, st.tuples(st.sampled_from(UNKNOWN_KEYS), tag_value("mood")))


@cache
def tags_object(duplicate_keys: bool = False) -> SearchStrategy[str]:
    """Draw the JSON text of `tags`: an object nearly always, with keys unknown and missing, else anything.

    `duplicate_keys` lets an object name an attribute twice, which a file can hold, though no Convex table can.
    """
    drawn = st.lists(_pairs(), max_size=12)
    pairs = drawn if duplicate_keys else drawn.map(_last_of_each_key)
    return weighted((15, pairs.map(json_object)), (1, st.sampled_from(MALFORMED_TAGS)))


def _last_of_each_key(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict(pairs).items())


def _now_and_then() -> SearchStrategy[bool]:
    return st.sampled_from((False,) * 9 + (True,))


@cache
def _document_fields(duplicate_keys: bool) -> SearchStrategy[list[tuple[str, str]]]:
    """Draw the fields of a document, but for those that Convex adds."""
    return st.builds(
        _fields,
        seed=st.sampled_from(SEEDS),
        maker=st.sampled_from(MODELS),
        prompt_version=st.sampled_from(PROMPT_VERSIONS),
        tags=tags_object(duplicate_keys),
        more=st.sampled_from(MORE_FIELDS),
        has_failed=_now_and_then(),
        is_broken=_now_and_then(),
        wrong_field=st.sampled_from(("seed", "promptVersion", "model", "tags")),
        wrong_value=st.sampled_from(WRONG_VALUES),
    )


def _fields(
    seed: str,
    maker: tuple[str, str],
    prompt_version: str,
    tags: str,
    more: dict[str, str],
    has_failed: bool,
    is_broken: bool,
    wrong_field: str,
    wrong_value: str | None,
) -> list[tuple[str, str]]:
    provider, model = maker
    fields = {
        "seed": json.dumps(seed),
        "provider": json.dumps(provider),
        "model": json.dumps(model),
        "promptVersion": json.dumps(prompt_version),
        "tags": tags,
        **more,
    }
    if has_failed:
        fields |= {"tags": "null", "error": '"429: rate limit"'}
    if is_broken:
        del fields[wrong_field]
        if wrong_value is not None:
            fields[wrong_field] = wrong_value
    return list(fields.items())


def _document(number: int, fields: list[tuple[str, str]]) -> str:
    """Write a document as Convex exports it, with an `_id` and a time of its own."""
    system = [("_id", f'"d{number:04}"'), ("_creationTime", repr(1_764_000_000_000.25 + 1000 * number))]
    return json_object(system + fields)


def palette_tags_document(number: int = 1, duplicate_keys: bool = False) -> SearchStrategy[str]:
    """Draw the JSON text of one `palette_tags` document, whose `_id` is made from `number`."""
    return _document_fields(duplicate_keys).map(lambda fields: _document(number, fields))


@cache
def documents(max_size: int = 40, duplicate_keys: bool = False) -> SearchStrategy[list[str]]:
    """Draw a list of documents with `_id`s of their own, few enough palettes and prompts that they share groups."""
    fields = _document_fields(duplicate_keys)
    few = st.lists(fields, max_size=max_size)
    many = st.lists(fields, min_size=max_size // 4, max_size=max_size)
    return (few | many).map(lambda drawn: [_document(number, one) for number, one in enumerate(drawn, start=1)])
