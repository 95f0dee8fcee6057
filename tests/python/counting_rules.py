"""The rules of counting in plain Python: slow, obvious, and written without a look at the SQL.

The SQL models are compared with this module. Where the two differ, one of them is wrong, and this one is
short enough to be read beside the rules.

Input is always the JSON text of `palette_tags` documents, as it lies in the raw zone.
"""

import csv
import json
import math
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

# The characters of Unicode's property White_Space, and the byte-order mark.
WHITE_SPACE = frozenset(
    [
        *map(chr, range(0x0009, 0x000D + 1)),
        "\u0020",
        "\u0085",
        "\u00a0",
        "\u1680",
        *map(chr, range(0x2000, 0x200A + 1)),
        "\u2028",
        "\u2029",
        "\u202f",
        "\u205f",
        "\u3000",
        "\ufeff",
    ]
)

MAX_TAG_LENGTH = 100
MAX_NFC_LENGTH = 1000
NOT_COUNTED = frozenset({"not_text", "empty", "extra"})
NOT_PUBLISHED = frozenset({"fragment", "too_long"})

# A piece of JSON, once the spaces are taken out: a closing quote before `:` or `,`, or one of those before `"`.
FRAGMENT_CHARACTERS = ("[", "]", "{", "}")
FRAGMENT_PAIRS = ('":', '",', "':", "',", ':"', ',"')

# NFC keeps 가 followed by U+11A7 as it is; DuckDB's nfc_normalize takes U+11A7 for "no final consonant" and drops it.
DROPPED_BY_DUCKDB = "\u11a7"

Group = tuple[str, str]
GroupOf = Callable[["Document | Value"], tuple[Any, ...]]
Row = dict[str, Any]


# --- text ------------------------------------------------------------------------------------------------------------


def clean_tag(raw_value: str) -> str:
    """Make the `tag` of a raw value: white space to single spaces, trimmed, NFC unless that is too long, lower case."""
    spaced = "".join(" " if character in WHITE_SPACE else character for character in raw_value)
    collapsed = " ".join(word for word in spaced.split(" ") if word)
    composed = collapsed if len(collapsed) > MAX_NFC_LENGTH else unicodedata.normalize("NFC", collapsed)
    return "".join(lower_code_point(character) for character in composed)


def lower_code_point(character: str) -> str:
    """Lower one code point to one code point, whatever its neighbours: Σ is σ, and İ is i without its dot."""
    return "i" if character == "İ" else character.lower()


def looks_like_a_fragment(tag: str) -> bool:
    """Tell whether a tag is a broken piece of JSON."""
    compact = tag.replace(" ", "")
    return any(mark in compact for mark in FRAGMENT_CHARACTERS + FRAGMENT_PAIRS)


def same_on_both_engines(text: str) -> bool:
    """Tell whether Python and DuckDB must agree on a text's NFC and lower case.

    They carry different versions of Unicode, so characters that Python doesn't know yet are left out. So are
    surrogates, which no UTF-8 engine can hold, and the one character that DuckDB's NFC is known to drop.
    NUL is not left out: it is real data.
    """
    return all(
        unicodedata.category(character) not in ("Cn", "Cs") and character != DROPPED_BY_DUCKDB for character in text
    )


# --- seeds -----------------------------------------------------------------------------------------------------------


class Attribute(NamedTuple):
    """How the tags of one attribute are treated."""

    kind: str
    """`categorical` (one vote a document) or `list`."""
    closed: bool
    """True when the allowed tags are listed in the vocabulary."""


@dataclass(frozen=True)
class Seeds:
    """The analysts' data."""

    attributes: dict[str, Attribute]
    vocabulary: set[tuple[str, str]]
    synonyms: dict[tuple[str, str], str]
    unwanted: set[tuple[str, str]]
    """(attribute, tag); an empty attribute stands for every attribute."""

    @classmethod
    def from_csv(cls, directory: Path) -> "Seeds":
        """Read the four CSV files of the seeds directory."""
        return cls(
            attributes={
                row["attribute"]: Attribute(row["kind"], row["vocabulary"] == "closed")
                for row in _rows(directory / "attributes.csv")
            },
            vocabulary={(row["attribute"], row["tag"]) for row in _rows(directory / "vocabulary.csv")},
            synonyms={
                (row["attribute"], row["tag"]): row["canonical_tag"] for row in _rows(directory / "synonyms.csv")
            },
            unwanted={(row["attribute"], row["tag"]) for row in _rows(directory / "unwanted_tags.csv")},
        )

    def of_kind(self, kind: str) -> list[str]:
        """Name the attributes of a kind, in the order of the file."""
        return [name for name, attribute in self.attributes.items() if attribute.kind == kind]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- documents -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Document:
    """What counting needs of one `palette_tags` document."""

    answer_id: str
    seed: str | None
    prompt_version: str | None
    model: str | None
    status: str
    """`success` (the document counts), `error` or `malformed`."""
    tags: dict[str, Any]
    """Empty unless the status is `success`."""

    @property
    def group(self) -> Group | None:
        """The (seed, promptVersion) that the document is counted in, if it is counted at all."""
        if self.status != "success" or self.seed is None or self.prompt_version is None:
            return None
        return self.seed, self.prompt_version


@contextmanager
def deep_recursion(limit: int = 10_000) -> Generator[None]:
    """Let the json module follow values nested thousands deep."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, limit))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def parse_json(text: str) -> Any:
    """Parse JSON of any depth; of a key given twice the last one stands."""
    with deep_recursion():
        return json.loads(text)


def parse_document(text: str) -> Document:
    """Read one document from its JSON text."""
    fields = parse_json(text)
    tags = fields.get("tags")
    return Document(
        answer_id=fields["_id"],
        seed=_string_or_none(fields.get("seed")),
        prompt_version=_string_or_none(fields.get("promptVersion")),
        model=_string_or_none(fields.get("model")),
        status=status_of(tags),
        tags=tags if isinstance(tags, dict) else {},
    )


def status_of(tags: Any) -> str:
    """Give the status of a document by its `tags`; absent tags are None like null ones."""
    if isinstance(tags, dict):
        return "success"
    return "error" if tags is None else "malformed"


def _string_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def flatten(value: Any) -> list[Any]:
    """List the elements of an array at any depth, in order; anything that is no array is its own one element."""
    elements = []
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, list):
            waiting.extend(reversed(current))
        else:
            elements.append(current)
    return elements


# --- values ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Value:
    """One value said of one attribute in one document."""

    answer_id: str
    seed: str | None
    prompt_version: str | None
    model: str | None
    attribute: str
    value_index: int
    raw_value: str | None
    """None for what is no string."""
    malformed_value: Any
    """What came instead of a string, parsed; None for strings (and for null)."""
    tag: str | None
    canonical_tag: str | None
    value_class: str
    is_counted: bool


class Rules:
    """The rules of counting, under one set of seeds."""

    def __init__(self, seeds: Seeds) -> None:
        self.seeds = seeds

    def unknown_attributes(self, document: str) -> list[str]:
        """Name the keys of a document's `tags` that are no attribute, sorted."""
        return sorted(set(parse_document(document).tags) - set(self.seeds.attributes))

    def values(self, document: str) -> list[Value]:
        """List every value of a document, by attribute in the order of the seeds, then as they were said."""
        parsed = parse_document(document)
        return [
            value
            for attribute in self.seeds.attributes
            if attribute in parsed.tags
            for value in self._values_of_attribute(parsed, attribute)
        ]

    def _values_of_attribute(self, document: Document, attribute: str) -> list[Value]:
        values = []
        has_voted = False
        for value_index, element in enumerate(flatten(document.tags[attribute])):
            value = self._value(document, attribute, value_index, element, has_voted)
            values.append(value)
            has_voted = has_voted or value.value_class not in ("not_text", "empty")
        return values

    def _value(self, document: Document, attribute: str, value_index: int, element: Any, has_voted: bool) -> Value:
        raw_value = _string_or_none(element)
        tag = None if raw_value is None else clean_tag(raw_value)
        value_class = self.classify(attribute, tag, has_voted)
        return Value(
            answer_id=document.answer_id,
            seed=document.seed,
            prompt_version=document.prompt_version,
            model=document.model,
            attribute=attribute,
            value_index=value_index,
            raw_value=raw_value,
            malformed_value=element if raw_value is None else None,
            tag=tag,
            canonical_tag=None if tag is None else self.canonical_tag(attribute, tag),
            value_class=value_class,
            is_counted=value_class not in NOT_COUNTED and document.group is not None,
        )

    def canonical_tag(self, attribute: str, tag: str) -> str:
        """Look a tag up in the synonyms; a tag without one is its own canonical tag."""
        return self.seeds.synonyms.get((attribute, tag), tag)

    def classify(self, attribute: str, tag: str | None, has_voted: bool = False) -> str:
        """Give the class of a value: the first that fits. `tag` is None for what is no string.

        `has_voted` says that an earlier value of the same attribute and document has a tag that isn't empty.
        """
        kind, closed = self.seeds.attributes[attribute]
        if tag is None:
            return "not_text"
        if tag == "":
            return "empty"
        if kind == "categorical" and has_voted:
            return "extra"
        if closed and (attribute, tag) in self.seeds.vocabulary:
            return "allowed"
        if self.canonical_tag(attribute, tag) != tag:
            return "mapped"
        if (attribute, tag) in self.seeds.unwanted or ("", tag) in self.seeds.unwanted:
            return "unwanted"
        if len(tag) > MAX_TAG_LENGTH:
            return "too_long"
        if looks_like_a_fragment(tag):
            return "fragment"
        return "unmapped" if closed else "open"

    # --- counts ------------------------------------------------------------------------------------------------------

    def counted_values(self, documents: Iterable[str]) -> list[Value]:
        """List the values of all documents that are counted."""
        return [value for document in documents for value in self.values(document) if value.is_counted]

    def published_values(self, documents: Iterable[str]) -> list[Value]:
        """List the counted values that may be published: no broken fragment, nothing too long."""
        return [value for value in self.counted_values(documents) if value.value_class not in NOT_PUBLISHED]

    def frequencies(self, documents: list[str]) -> dict[tuple[str, str, str, str], Row]:
        """Count by (seed, promptVersion, attribute, tag)."""
        rows = self._ranked_frequencies(documents, lambda value: value.tag)
        for (_, _, attribute, tag), row in rows.items():
            row["canonical_tag"] = self.canonical_tag(attribute, tag)
        return rows

    def canonical_frequencies(self, documents: list[str]) -> dict[tuple[str, str, str, str], Row]:
        """Count by (seed, promptVersion, attribute, canonical tag), and say how surely."""
        rows = self._ranked_frequencies(documents, lambda value: value.canonical_tag)
        answers, said_by = defaultdict(list), defaultdict(set)
        for document in map(parse_document, documents):
            answers[document.group].append(document)
        for value in self.counted_values(documents):
            said_by[value.seed, value.prompt_version, value.attribute, value.canonical_tag].add(value.answer_id)
        return {key: row | model_shares(said_by[key], answers[key[:2]]) for key, row in rows.items()}

    def _ranked_frequencies(
        self, documents: list[str], tag_of: Callable[[Value], str | None]
    ) -> dict[tuple[str, str, str, str], Row]:
        total = total_results(documents)
        rows = count(
            self.counted_values(documents),
            lambda value: (value.seed, value.prompt_version, value.attribute, tag_of(value)),
        )
        for (seed, prompt_version, _, _), row in rows.items():
            row["share"] = row["answer_count"] / total[seed, prompt_version]
            del row["palette_count"]
        add_ranks(rows)
        return rows

    def totals(self, documents: list[str]) -> dict[tuple[str | None, str, str], Row]:
        """Count by (promptVersion, attribute, tag); under promptVersion None the counts are over all versions."""
        values = self.counted_values(documents)
        by_version = count(values, lambda value: (value.prompt_version, value.attribute, value.tag))
        over_all = count(values, lambda value: (None, value.attribute, value.tag))
        return by_version | over_all

    # --- consensus ---------------------------------------------------------------------------------------------------

    def published_lists(self, documents: list[str]) -> dict[tuple[str, str, str], list[Row]]:
        """List the published canonical tags of each (seed, promptVersion, attribute), highest first, then by key."""
        rows = count(
            self.published_values(documents),
            lambda value: (value.seed, value.prompt_version, value.attribute, value.canonical_tag),
        )
        lists = defaultdict(list)
        for (seed, prompt_version, attribute, canonical_tag), row in rows.items():
            lists[seed, prompt_version, attribute].append({"key": canonical_tag, "value": row["answer_count"]})
        return {
            key: sorted(entries, key=lambda entry: (-entry["value"], entry["key"])) for key, entries in lists.items()
        }

    def consensus(self, documents: list[str]) -> dict[Group, Row]:
        """Make the document that Convex gets for each (seed, promptVersion) with a document that counts."""
        lists = self.published_lists(documents)
        return {
            (seed, prompt_version): {
                "seed": seed,
                "promptVersion": prompt_version,
                "totalModels": total,
                "categorical": {
                    name: lists.get((seed, prompt_version, name), []) for name in self.seeds.of_kind("categorical")
                },
                "tags": {name: lists.get((seed, prompt_version, name), []) for name in self.seeds.of_kind("list")},
            }
            for (seed, prompt_version), total in total_results(documents).items()
        }

    def attribute_consensus(self, documents: list[str]) -> dict[tuple[str, str, str], Row]:
        """Say how far the answers agree, for each (seed, promptVersion, attribute) with a published tag."""
        return self._agreements(documents, lambda one: (one.seed, one.prompt_version))

    def palette_attribute_consensus(self, documents: list[str]) -> dict[tuple[str, str], Row]:
        """Say the same for each (seed, attribute), over all prompt versions."""
        return self._agreements(documents, lambda one: (one.seed,))

    def palette_tag_ranking(self, documents: list[str]) -> dict[tuple[str, str, str], Row]:
        """Say who said each published tag of a palette, over all prompt versions."""
        return {
            (*key, tag): {
                "answer_count": len(said_by),
                "answer_total": len(answers),
                "share": len(said_by) / len(answers),
            }
            | model_shares(said_by, answers)
            for key, (answers, tags) in self._published(documents, lambda one: (one.seed,)).items()
            for tag, said_by in tags.items()
        }

    def _agreements(self, documents: list[str], group_of: GroupOf) -> dict[Any, Row]:
        return {
            key: agreement(answers, tags, self.allowed_tags(key[-1]))
            for key, (answers, tags) in self._published(documents, group_of).items()
        }

    def _published(
        self, documents: list[str], group_of: GroupOf
    ) -> dict[Any, tuple[list[Document], dict[str, set[str]]]]:
        """Give by group and attribute the answers that count, and the published tags with the answers that say them."""
        answers = defaultdict(list)
        for document in map(parse_document, documents):
            if document.group is not None:
                answers[group_of(document)].append(document)
        tags: dict[Any, dict[Any, set[str]]] = defaultdict(lambda: defaultdict(set))
        for value in self.published_values(documents):
            tags[*group_of(value), value.attribute][value.canonical_tag].add(value.answer_id)
        return {key: (answers[key[:-1]], dict(said)) for key, said in tags.items()}

    def allowed_tags(self, attribute: str) -> int | None:
        """Count the tags that an attribute may have; None where it may have any."""
        if not self.seeds.attributes[attribute].closed:
            return None
        return sum(name == attribute for name, _ in self.seeds.vocabulary)


def total_results(documents: Iterable[str]) -> dict[Group, int]:
    """Count the documents that count, by (seed, promptVersion)."""
    totals: dict[Group, int] = defaultdict(int)
    for document in documents:
        group = parse_document(document).group
        if group is not None:
            totals[group] += 1
    return dict(totals)


def count(values: Iterable[Value], key_of: Callable[[Value], Any]) -> dict[Any, Row]:
    """Count values by a key: as often as said, and the documents, models and palettes that have them."""
    said = defaultdict(list)
    for value in values:
        said[key_of(value)].append(value)
    return {
        key: {
            "occurrences": len(same),
            "answer_count": len({value.answer_id for value in same}),
            "model_count": len({value.model for value in same if value.model is not None}),
            "palette_count": len({value.seed for value in same}),
        }
        for key, same in said.items()
    }


def add_ranks(rows: dict[tuple[str, str, str, str], Row]) -> None:
    """Number the tags of each (seed, promptVersion, attribute) from 1: most documents first, then by code point."""
    last_rank: dict[tuple[str, str, str], int] = defaultdict(int)
    for key in sorted(rows, key=lambda key: (-rows[key]["answer_count"], key[3])):
        last_rank[key[:3]] += 1
        rows[key]["rank"] = last_rank[key[:3]]


def agreement(answers: list[Document], tags: dict[str, set[str]], allowed: int | None) -> Row:
    """Sum up the tags that a group of answers say of an attribute, each with the answers that say it."""
    winner, *others = sorted(tags, key=lambda tag: (-len(tags[tag]), tag))
    votes, total = len(tags[winner]), len(answers)
    runner_up = len(tags[others[0]]) if others else 0
    spread = entropy([len(said_by) for said_by in tags.values()])
    return {
        "winner": winner,
        "winner_answer_count": votes,
        "answer_total": total,
        "share": votes / total,
        "margin": (votes - runner_up) / total,
        "is_tie": votes == runner_up,
        "tag_count": len(tags),
        "entropy": None if allowed is None else min(1.0, spread / math.log(allowed)),
        "effective_tags": math.exp(spread),
    } | model_shares(tags[winner], answers)


def entropy(counts: list[int]) -> float:
    """Give Shannon's entropy: 0 when all are of one tag, the logarithm of the tags' number when all are even."""
    shares = [number / sum(counts) for number in counts]
    return -math.fsum(share * math.log(share) for share in shares) + 0.0


def model_shares(said_by: set[str], answers: list[Document]) -> Row:
    """Let each model of a group of answers have one voice, in parts where its own answers differ."""
    own = defaultdict(list)
    for answer in answers:
        if answer.model is not None:
            own[answer.model].append(answer.answer_id in said_by)
    if not own:
        return {"model_total": 0, "mean_model_share": None, "share_lower_bound": None}
    mean = sum(Fraction(sum(said), len(said)) for said in own.values()) / len(own)
    share = math.floor(mean * 10**6 + Fraction(1, 2)) / 10**6
    return {
        "model_total": len(own),
        "mean_model_share": share,
        "share_lower_bound": wilson_lower_bound(share * len(own), len(own)),
    }


def wilson_lower_bound(votes: float, total: int) -> float:
    """Give the smaller root of (votes - total * p)² = z² * total * p * (1 - p), for z = 1.96."""
    a, b, c = total + 1.96**2, 2 * votes + 1.96**2, votes**2 / total
    return (b - math.sqrt(b**2 - 4 * a * c)) / (2 * a)
