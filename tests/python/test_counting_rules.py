"""The reference model against examples counted by hand, and against DuckDB's idea of Unicode."""

import json
import math
import random
import sys
import unicodedata
from functools import cache
from pathlib import Path

import duckdb
import jinja2
import pyarrow
import pytest
import strategies
from counting_rules import (
    DROPPED_BY_DUCKDB,
    WHITE_SPACE,
    Attribute,
    Row,
    Rules,
    Seeds,
    Value,
    clean_tag,
    entropy,
    flatten,
    looks_like_a_fragment,
    lower_code_point,
    parse_document,
    same_on_both_engines,
    total_results,
    wilson_lower_bound,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from warehouse import PROJECT

CATEGORICAL = Attribute("categorical", closed=True)
CLOSED_LIST = Attribute("list", closed=True)
OPEN_LIST = Attribute("list", closed=False)

SEEDS = Seeds(
    attributes={
        "temperature": CATEGORICAL,
        "contrast": CATEGORICAL,
        "brightness": CATEGORICAL,
        "saturation": CATEGORICAL,
        "harmony": CLOSED_LIST,
        "mood": OPEN_LIST,
        "style": OPEN_LIST,
        "dominant_colors": CLOSED_LIST,
        "seasonal": CLOSED_LIST,
        "associations": OPEN_LIST,
    },
    vocabulary={
        ("temperature", "warm"),
        ("temperature", "cool"),
        ("temperature", "neutral"),
        ("dominant_colors", "blue"),
        ("dominant_colors", "gray"),
        ("harmony", "gradient"),
        ("harmony", "triadic"),
        ("mood", "calm"),
        *[(attribute, tag) for attribute in ("contrast", "brightness", "saturation", "seasonal") for tag in ("x", "y")],
    },
    synonyms={
        ("temperature", "凉"): "cool",
        ("temperature", "grey"): "neutral",
        ("temperature", "warm"): "warm",
        ("dominant_colors", "grey"): "gray",
        ("dominant_colors", "blue"): "navy",
        ("style", "art-deco"): "art deco",
        ("style", "art deco"): "art deco",
        ("mood", "nice"): "pleasant",
        ("mood", "[happy]"): "happy",
        ("mood", "n" * 101): "long-winded",
    },
    unwanted={("", "gradient"), ("", "nice"), ("", "u" * 101), ("", "{nice}"), ("mood", "warm"), ("mood", "calm")},
)
RULES = Rules(SEEDS)


def document(number: int = 1, tags: object = None, **fields: object) -> str:
    """Write a document of palette p1 and prompt v1, unless told otherwise."""
    usual = {"_id": f"d{number:04}", "seed": "p1", "promptVersion": "v1", "model": "m1", "tags": tags}
    return json.dumps(usual | fields)


def values_of(tags: object) -> list[Value]:
    return RULES.values(document(tags=tags))


def classes_of(tags: object) -> list[str]:
    return [value.value_class for value in values_of(tags)]


# --- seeds -----------------------------------------------------------------------------------------------------------


def test_seeds_are_read_from_the_four_files(tmp_path: Path) -> None:
    files = {
        "attributes.csv": "attribute,kind,vocabulary,min_values,max_values,description\n"
        'temperature,categorical,closed,1,1,"warm, or cool"\nmood,list,open,2,5,\n',
        "vocabulary.csv": "attribute,tag\ntemperature,warm\n",
        "synonyms.csv": "attribute,tag,canonical_tag,note\ntemperature,凉,cool,Chinese\n",
        "unwanted_tags.csv": "attribute,tag,note\n,gradient,never\nmood,warm,\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    seeds = Seeds.from_csv(tmp_path)
    assert seeds.attributes == {"temperature": CATEGORICAL, "mood": OPEN_LIST}
    assert seeds.vocabulary == {("temperature", "warm")}
    assert seeds.synonyms == {("temperature", "凉"): "cool"}
    assert seeds.unwanted == {("", "gradient"), ("mood", "warm")}


# --- rule 1: which documents count -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ("{}", "success"),
        ('{"mood": ["calm"]}', "success"),
        ("null", "error"),
        ("[]", "malformed"),
        ('[{"mood": ["calm"]}]', "malformed"),
        ('"{}"', "malformed"),
        ('""', "malformed"),
        ("0", "malformed"),
        ("false", "malformed"),
    ],
)
def test_a_document_counts_when_its_tags_are_an_object(tags: str, status: str) -> None:
    assert parse_document(f'{{"_id": "d1", "tags": {tags}}}').status == status


def test_absent_tags_are_an_error_like_null_ones() -> None:
    assert parse_document('{"_id": "d1"}').status == "error"


@pytest.mark.parametrize("tags", [None, "calm", ["calm"], 7])
def test_a_document_that_does_not_count_has_no_values(tags: object) -> None:
    assert values_of(tags) == []


@pytest.mark.parametrize("field", ["seed", "promptVersion"])
@pytest.mark.parametrize("wrong", [None, 7, ["p1"], {"p1": 1}])
def test_values_without_a_palette_or_a_prompt_are_listed_but_not_counted(field: str, wrong: object) -> None:
    text = document(1, {"mood": ["serene"]}, **{field: wrong})
    (value,) = RULES.values(text)
    assert (value.value_class, value.is_counted) == ("open", False)
    assert total_results([text]) == {}
    assert RULES.frequencies([text]) == RULES.consensus([text]) == RULES.totals([text]) == {}


def test_a_document_without_a_model_counts_but_is_no_model() -> None:
    rows = RULES.frequencies([document(1, {"mood": "serene"}, model=None), document(2, {"mood": "serene"}, model=4)])
    assert rows["p1", "v1", "mood", "serene"]["answer_count"] == 2
    assert rows["p1", "v1", "mood", "serene"]["model_count"] == 0


def test_an_empty_seed_is_a_seed() -> None:
    assert total_results([document(tags={}, seed="", promptVersion="")]) == {("", ""): 1}


def test_of_a_key_given_twice_the_last_one_stands() -> None:
    text = '{"_id": "d1", "tags": null, "seed": "p1", "promptVersion": "v1", "tags": {"mood": "a", "mood": ["b", "c"]}}'
    assert [value.tag for value in RULES.values(text)] == ["b", "c"]


# --- rule 2: values --------------------------------------------------------------------------------------------------


def test_keys_that_are_no_attribute_are_reported_and_not_counted() -> None:
    text = document(tags={"mood": "serene", "Mood": "calm", "": 1, "__proto__": ["x"]})
    assert RULES.unknown_attributes(text) == ["", "Mood", "__proto__"]
    assert [value.attribute for value in RULES.values(text)] == ["mood"]


def test_a_string_is_one_value_even_of_a_list_attribute() -> None:
    (value,) = values_of({"mood": "calm, serene"})
    assert (value.value_index, value.raw_value, value.tag) == (0, "calm, serene", "calm, serene")


def test_arrays_are_flattened_at_any_depth_in_order() -> None:
    values = values_of({"style": ["a", ["b", [["c"]], []], "d"]})
    assert [(value.value_index, value.tag) for value in values] == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]


def test_what_is_no_string_takes_its_place_in_the_order() -> None:
    values = values_of({"style": ["a", 1, [True, None, "b"], {"c": ["d"]}, "e"]})
    assert [(value.value_index, value.tag, value.value_class) for value in values] == [
        (0, "a", "open"),
        (1, None, "not_text"),
        (2, None, "not_text"),
        (3, None, "not_text"),
        (4, "b", "open"),
        (5, None, "not_text"),
        (6, "e", "open"),
    ]


def test_an_object_is_one_value_and_is_not_looked_into() -> None:
    (value,) = values_of({"mood": {"first": "calm", "second": ["warm"]}})
    assert (value.value_class, value.raw_value, value.tag, value.canonical_tag) == ("not_text", None, None, None)
    assert value.malformed_value == {"first": "calm", "second": ["warm"]}
    assert not value.is_counted


def test_an_absent_attribute_and_an_empty_array_give_no_value_but_null_gives_one() -> None:
    assert values_of({}) == []
    assert values_of({"mood": []}) == values_of({"mood": [[], [[]]]}) == []
    assert classes_of({"mood": None}) == ["not_text"]


def test_a_value_nested_a_thousand_deep_is_read() -> None:
    text = (
        '{"_id": "d1", "seed": "p1", "promptVersion": "v1", "tags": {"mood": ' + strategies.nested('"a"', 1000) + "}}"
    )
    limit = sys.getrecursionlimit()
    assert [value.tag for value in RULES.values(text)] == ["a"]
    assert sys.getrecursionlimit() == limit


def test_flattening_keeps_what_is_no_array() -> None:
    assert flatten("a") == ["a"]
    assert flatten(None) == [None]
    assert flatten([]) == []
    assert flatten([[1, ["a"]], {"b": []}]) == [1, "a", {"b": []}]


# --- rule 3: tags ----------------------------------------------------------------------------------------------------


def test_the_raw_value_is_kept_exactly() -> None:
    (value,) = values_of({"style": "\ufeff Art\u00a0 DECO\x00\n"})
    assert value.raw_value == "\ufeff Art\u00a0 DECO\x00\n"
    assert value.tag == "art deco\x00"


@pytest.mark.parametrize(
    ("raw_value", "tag"),
    [
        ("calm", "calm"),
        ("Art  Deco", "art deco"),
        ("art-deco", "art-deco"),
        ("cafe\u0301", "caf\u00e9"),
        ("CAFE\u0301", "caf\u00e9"),
        ("\u00a0\u3000calm\u2028\ufeff", "calm"),
        ("a \ufeff\t\r\n b", "a b"),
        ("a\ufeffb", "a b"),
        (" \u2003 ", ""),
        ("ΣΑΣ", "σασ"),
        ("σας", "σας"),
        ("İstanbul", "istanbul"),
        ("I\u0307stanbul", "istanbul"),
        ("I", "i"),
        ("ẞ", "ß"),
        ("STRASSE", "strasse"),
        ("\u212a", "k"),
        ("\u212b", "å"),
        ("ﬁre", "ﬁre"),
        ("ＣＡＬＭ", "ｃａｌｍ"),
        ("\U00010400", "\U00010428"),
        ("凉", "凉"),
        ("\u1100\u1161", "가"),
        ("A\x00B", "a\x00b"),
        ("e\x00\u0301", "e\x00\u0301"),
    ],
)
def test_a_tag_is_composed_spaced_trimmed_and_lowered(raw_value: str, tag: str) -> None:
    assert clean_tag(raw_value) == tag


@pytest.mark.parametrize("length", [1000, 1001])
def test_more_than_a_thousand_characters_are_left_without_nfc(length: int) -> None:
    said = f" e\u0301 \n{'x' * (length - 3)}"
    (value,) = values_of({"mood": said})
    assert value.raw_value == said
    assert value.tag == ("\u00e9" if length <= 1000 else "e\u0301") + " " + "x" * (length - 3)
    assert (value.value_class, value.is_counted) == ("too_long", True)


def test_lowering_comes_after_composing_so_j_with_caron_stays_in_two_pieces() -> None:
    """There is a small ǰ but no capital one; the rule composes once, and the two spellings are two tags."""
    assert clean_tag("J\u030c") == "j\u030c"
    assert clean_tag("j\u030c") == clean_tag("\u01f0") == "\u01f0"


def test_white_space_is_unicodes_list_and_the_byte_order_mark() -> None:
    assert len(WHITE_SPACE) == 26
    said_by_python = {chr(code) for code in range(0x110000) if chr(code).isspace()}
    separators_of_information = set("\x1c\x1d\x1e\x1f")
    assert said_by_python - separators_of_information | {"\ufeff"} == WHITE_SPACE


@pytest.mark.parametrize("character", ["\u200b", "\u180e", "\u200d", "\u2060", "\u200f", "\x00", "\x1c", "\x1f"])
def test_what_only_looks_like_white_space_stays_and_is_not_empty(character: str) -> None:
    assert clean_tag(f" {character} ") == character
    assert classes_of({"mood": character}) == ["open"]


@pytest.mark.parametrize("raw_value", ["", " ", "\n\t", "\ufeff", "\u00a0\u2029\u3000"])
def test_an_empty_tag_is_recorded_and_not_counted(raw_value: str) -> None:
    (value,) = values_of({"mood": [raw_value]})
    assert (value.raw_value, value.tag, value.value_class, value.is_counted) == (raw_value, "", "empty", False)


# --- rule 4: one vote ------------------------------------------------------------------------------------------------


def test_a_categorical_takes_the_first_value_that_is_not_empty() -> None:
    values = values_of({"temperature": [None, " ", ["Warm"], "cool", "", 3, "warm"]})
    assert [value.value_class for value in values] == [
        "not_text",
        "empty",
        "allowed",
        "extra",
        "empty",
        "not_text",
        "extra",
    ]
    assert [value.tag for value in values if value.is_counted] == ["warm"]


def test_a_useless_first_vote_is_a_vote_all_the_same() -> None:
    assert classes_of({"temperature": ["gradient", "warm"]}) == ["unwanted", "extra"]
    assert classes_of({"temperature": ["[", "warm"]}) == ["fragment", "extra"]


def test_each_categorical_and_each_document_votes_for_itself() -> None:
    assert classes_of({"temperature": "warm", "contrast": "high"}) == ["allowed", "unmapped"]
    rows = RULES.frequencies([document(1, {"temperature": "warm"}), document(2, {"temperature": "warm"})])
    assert rows["p1", "v1", "temperature", "warm"]["answer_count"] == 2


def test_a_list_attribute_has_no_extra_value() -> None:
    assert classes_of({"dominant_colors": ["blue", "blue"]}) == ["allowed", "allowed"]


# --- rule 5: canonical tags ------------------------------------------------------------------------------------------


def test_synonyms_belong_to_one_attribute() -> None:
    values = values_of({"temperature": "凉", "mood": "凉"})
    assert [(value.attribute, value.canonical_tag) for value in values] == [("temperature", "cool"), ("mood", "凉")]


def test_synonyms_are_looked_up_by_the_cleaned_tag() -> None:
    assert [value.canonical_tag for value in values_of({"style": [" Art-Deco ", "ART  deco"]})] == ["art deco"] * 2


# --- classes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "tag", "value_class"),
    [
        ("temperature", "warm", "allowed"),
        ("temperature", "凉", "mapped"),
        ("temperature", "gradient", "unwanted"),
        ("temperature", "t" * 101, "too_long"),
        ("temperature", '["warm"', "fragment"),
        ("temperature", "tepid", "unmapped"),
        ("mood", "serene", "open"),
        ("mood", "warm", "unwanted"),
        ("style", "warm", "open"),
    ],
)
def test_every_class_has_its_plain_case(attribute: str, tag: str, value_class: str) -> None:
    assert RULES.classify(attribute, tag) == value_class


@pytest.mark.parametrize(
    ("attribute", "tag", "has_voted", "value_class"),
    [
        ("temperature", None, True, "not_text"),
        ("temperature", "", True, "empty"),
        ("temperature", "warm", True, "extra"),
        ("temperature", "[", True, "extra"),
        # allowed before mapped, and before unwanted
        ("dominant_colors", "blue", False, "allowed"),
        ("harmony", "gradient", False, "allowed"),
        # an open attribute has no allowed tags, whatever the vocabulary lists
        ("mood", "calm", False, "unwanted"),
        # a synonym of itself maps nothing
        ("style", "art deco", False, "open"),
        # mapped before unwanted, too long and fragment
        ("mood", "nice", False, "mapped"),
        ("mood", "n" * 101, False, "mapped"),
        ("mood", "[happy]", False, "mapped"),
        # unwanted before too long and fragment
        ("mood", "u" * 101, False, "unwanted"),
        ("mood", "{nice}", False, "unwanted"),
        # too long before fragment, fragment before open and unmapped
        ("mood", "[" + "t" * 100, False, "too_long"),
        ("mood", "[" + "t" * 99, False, "fragment"),
        ("temperature", "warm]", False, "fragment"),
    ],
)
def test_of_two_classes_that_fit_the_first_one_holds(
    attribute: str, tag: str | None, has_voted: bool, value_class: str
) -> None:
    assert RULES.classify(attribute, tag, has_voted) == value_class


def test_an_allowed_tag_with_a_synonym_is_allowed_and_counted_as_the_synonym() -> None:
    (value,) = values_of({"dominant_colors": "blue"})
    assert (value.value_class, value.canonical_tag) == ("allowed", "navy")


@pytest.mark.parametrize("character", ["x", "凉", "🌊", "e\u0301"])
def test_a_tag_is_too_long_above_a_hundred_code_points_of_the_cleaned_tag(character: str) -> None:
    assert classes_of({"style": [f"  {character * 100}  ", character * 101]}) == ["open", "too_long"]


@pytest.mark.parametrize(
    "raw_value",
    [
        "purple'],\n \"temperature",
        '["calm"',
        '{"mood":',
        "calm]",
        "{",
        "}",
        'mood": calm',
        "mood'  : calm",
        'calm" ,',
        "calm',",
        ', "calm',
        ':"calm',
    ],
)
def test_a_broken_piece_of_json_is_a_fragment(raw_value: str) -> None:
    assert classes_of({"style": raw_value}) == ["fragment"]


@pytest.mark.parametrize(
    "tag",
    ["calm, serene", "mood: calm", '"calm"', "'calm'", "it's", "rock, 'n' roll", ":'(", "a,'b", '" calm', "null", "\\"],
)
def test_quotes_commas_and_colons_alone_are_no_fragment(tag: str) -> None:
    assert not looks_like_a_fragment(tag)
    assert classes_of({"style": tag}) == ["open"]


# --- rule 6: frequencies ---------------------------------------------------------------------------------------------

COUNTED = [
    document(1, {"style": ["Art Deco", "art deco", "art-deco", "retro"]}, model="m1"),
    document(2, {"style": ["art-deco", "[x"]}, model="m1"),
    document(3, {"style": ["art deco", "zen"]}, model="m2"),
    document(4, {}, model="m3"),
    document(5, None, model="m3"),
    document(6, "malformed", model="m3"),
    document(7, {"style": ["zen"]}, model="m2", seed="p2"),
    document(8, {"style": ["zen"]}, model="m1", promptVersion="v2"),
]


def frequency(occurrences: int, answer_count: int, model_count: int, share: float, rank: int) -> dict[str, object]:
    return {
        "occurrences": occurrences,
        "answer_count": answer_count,
        "model_count": model_count,
        "share": share,
        "rank": rank,
    }


def test_documents_that_count_are_totalled_by_palette_and_prompt() -> None:
    assert total_results(COUNTED) == {("p1", "v1"): 4, ("p2", "v1"): 1, ("p1", "v2"): 1}


def test_frequencies_count_occurrences_documents_and_models() -> None:
    assert RULES.frequencies(COUNTED) == {
        ("p1", "v1", "style", "art deco"): frequency(3, 2, 2, 0.5, 1) | {"canonical_tag": "art deco"},
        ("p1", "v1", "style", "art-deco"): frequency(2, 2, 1, 0.5, 2) | {"canonical_tag": "art deco"},
        ("p1", "v1", "style", "[x"): frequency(1, 1, 1, 0.25, 3) | {"canonical_tag": "[x"},
        ("p1", "v1", "style", "retro"): frequency(1, 1, 1, 0.25, 4) | {"canonical_tag": "retro"},
        ("p1", "v1", "style", "zen"): frequency(1, 1, 1, 0.25, 5) | {"canonical_tag": "zen"},
        ("p2", "v1", "style", "zen"): frequency(1, 1, 1, 1.0, 1) | {"canonical_tag": "zen"},
        ("p1", "v2", "style", "zen"): frequency(1, 1, 1, 1.0, 1) | {"canonical_tag": "zen"},
    }


def test_canonical_frequencies_count_a_document_once_for_all_spellings() -> None:
    rows = RULES.canonical_frequencies(COUNTED)
    assert rows["p1", "v1", "style", "art deco"].items() >= frequency(5, 3, 2, 0.75, 1).items()
    assert rows["p1", "v1", "style", "art deco"]["mean_model_share"] == 0.666667  # all of m1's and m2's, none of m3's
    assert ("p1", "v1", "style", "art-deco") not in rows
    assert rows["p1", "v1", "style", "zen"].items() >= frequency(1, 1, 1, 0.25, 4).items()


def test_ties_of_rank_are_broken_by_code_point_not_by_utf16_or_locale() -> None:
    rows = RULES.frequencies([document(1, {"style": ["🌊", "\ufb01", "é", "z", "a", "_"]})])
    assert sorted(rows, key=lambda key: rows[key]["rank"]) == [
        ("p1", "v1", "style", tag) for tag in ("_", "a", "z", "é", "\ufb01", "🌊")
    ]


def test_ranks_go_by_documents_not_by_occurrences() -> None:
    rows = RULES.frequencies([document(1, {"style": ["a", "a", "a", "b"]}), document(2, {"style": "b"})])
    assert (rows["p1", "v1", "style", "a"]["rank"], rows["p1", "v1", "style", "b"]["rank"]) == (2, 1)


def test_every_attribute_has_its_own_ranks() -> None:
    rows = RULES.frequencies([document(1, {"style": ["a"], "mood": ["b"]})])
    assert [row["rank"] for row in rows.values()] == [1, 1]


def test_totals_count_by_prompt_and_over_all_prompts() -> None:
    rows = RULES.totals(COUNTED)
    assert rows["v1", "style", "zen"] == {"occurrences": 2, "answer_count": 2, "model_count": 1, "palette_count": 2}
    assert rows["v2", "style", "zen"] == {"occurrences": 1, "answer_count": 1, "model_count": 1, "palette_count": 1}
    assert rows[None, "style", "zen"] == {"occurrences": 3, "answer_count": 3, "model_count": 2, "palette_count": 2}
    assert rows[None, "style", "[x"]["answer_count"] == 1


# --- rule 7: consensus -----------------------------------------------------------------------------------------------

NOTHING_SAID = {
    "categorical": {"temperature": [], "contrast": [], "brightness": [], "saturation": []},
    "tags": {"harmony": [], "mood": [], "style": [], "dominant_colors": [], "seasonal": [], "associations": []},
}


def test_the_consensus_lists_canonical_tags_highest_first_then_by_key() -> None:
    documents = [
        document(1, {"temperature": "凉", "style": ["retro", "art-deco", "Art Deco", "y" * 101]}),
        document(2, {"temperature": ["cool", "warm"], "style": ["art deco", "[x", "zen"]}),
        document(3, {"temperature": "warm"}),
        document(4, None),
    ]
    assert RULES.consensus(documents) == {
        ("p1", "v1"): {
            "seed": "p1",
            "promptVersion": "v1",
            "totalModels": 3,
            "categorical": NOTHING_SAID["categorical"]
            | {"temperature": [{"key": "cool", "value": 2}, {"key": "warm", "value": 1}]},
            "tags": NOTHING_SAID["tags"]
            | {
                "style": [
                    {"key": "art deco", "value": 2},
                    {"key": "retro", "value": 1},
                    {"key": "zen", "value": 1},
                ]
            },
        }
    }


def test_a_group_whose_documents_say_nothing_has_every_attribute_empty() -> None:
    expected = {"seed": "p1", "promptVersion": "v1", "totalModels": 1} | NOTHING_SAID
    assert RULES.consensus([document(1, {"colour": "red"})]) == {("p1", "v1"): expected}


def test_a_group_without_a_document_that_counts_has_no_consensus() -> None:
    assert RULES.consensus([document(1, None), document(2, "calm")]) == {}


def test_unwanted_and_unmapped_tags_are_published() -> None:
    consensus = RULES.consensus([document(1, {"mood": "gradient", "temperature": "tepid"})])["p1", "v1"]
    assert consensus["tags"]["mood"] == [{"key": "gradient", "value": 1}]
    assert consensus["categorical"]["temperature"] == [{"key": "tepid", "value": 1}]


def test_a_fragment_that_a_synonym_maps_is_published() -> None:
    assert RULES.consensus([document(1, {"mood": "[happy]"})])["p1", "v1"]["tags"]["mood"] == [
        {"key": "happy", "value": 1}
    ]


def test_attribute_consensus_names_the_winner_and_how_sure_it_is() -> None:
    documents = [document(number, {"temperature": tag}) for number, tag in enumerate(["cool", "凉", "cool", "warm"])]
    rows = RULES.attribute_consensus([*documents, document(9, {}), document(10, None)])
    assert list(rows) == [("p1", "v1", "temperature")]
    spread = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert rows["p1", "v1", "temperature"] == {
        "winner": "cool",
        "winner_answer_count": 3,
        "answer_total": 5,
        "share": 0.6,
        "margin": 0.4,
        "is_tie": False,
        "tag_count": 2,
        "entropy": pytest.approx(spread / math.log(3)),
        "effective_tags": pytest.approx(math.exp(spread)),
        "model_total": 1,
        "mean_model_share": 0.6,
        "share_lower_bound": pytest.approx(wilson_lower_bound(0.6, 1)),
    }


def test_a_tie_goes_to_the_first_key_and_says_so() -> None:
    row = RULES.attribute_consensus([document(1, {"style": ["zen", "retro"]})])["p1", "v1", "style"]
    assert (row["winner"], row["margin"], row["is_tie"]) == ("retro", 0.0, True)
    assert row["effective_tags"] == pytest.approx(2)


def test_a_single_tag_has_no_entropy_and_its_whole_share_as_margin() -> None:
    row = RULES.attribute_consensus([document(1, {"harmony": ["zen"]}), document(2, {})])["p1", "v1", "harmony"]
    assert (row["margin"], row["share"], row["is_tie"], row["effective_tags"]) == (0.5, 0.5, False, 1.0)


def test_an_attribute_with_nothing_to_publish_has_no_attribute_consensus() -> None:
    assert RULES.attribute_consensus([document(1, {"style": ["[x", "y" * 101, "", None]})]) == {}


def test_entropy_is_of_the_allowed_tags_and_of_no_open_attribute() -> None:
    def said(attribute: str, tags: list[str]) -> Row:
        (row,) = RULES.attribute_consensus([document(1, {attribute: tags})]).values()
        return row

    assert said("dominant_colors", ["blue", "gray"])["entropy"] == pytest.approx(1.0)
    assert said("dominant_colors", ["blue", "gray", "lava"])["entropy"] == 1.0
    assert said("mood", ["calm", "bold"])["entropy"] is None
    assert entropy([5]) == 0.0
    assert entropy([2, 2, 2]) == pytest.approx(math.log(3))
    assert 0 < entropy([9, 1]) < entropy([6, 4]) < entropy([5, 5]) < entropy([10, 10, 1])


def test_each_model_has_one_voice_and_a_model_without_a_name_none() -> None:
    said = [("m1", "warm"), ("m1", "cool"), ("m1", "warm"), ("", "warm"), (None, "warm"), ("m2", None)]
    documents = [
        document(number, {} if tag is None else {"temperature": tag}, model=model)
        for number, (model, tag) in enumerate(said)
    ]
    row = RULES.attribute_consensus(documents)["p1", "v1", "temperature"]
    assert (row["winner"], row["winner_answer_count"], row["answer_total"], row["model_total"]) == ("warm", 4, 6, 3)
    assert row["mean_model_share"] == 0.555556  # of 2/3, 1 and 0
    assert row["share_lower_bound"] == wilson_lower_bound(3 * 0.555556, 3)
    nobody = RULES.attribute_consensus(documents[4:5])["p1", "v1", "temperature"]
    assert (nobody["model_total"], nobody["mean_model_share"], nobody["share_lower_bound"]) == (0, None, None)


def test_over_all_prompts_a_model_has_one_voice_for_all_its_answers() -> None:
    documents = [
        document(1, {"mood": "calm"}, model="m1"),
        document(2, {"mood": "calm"}, model="m1", promptVersion="v2"),
        document(3, {"mood": "bold"}, model="m1", promptVersion="v2"),
        document(4, {"mood": ["bold", "calm"]}, model="m2", promptVersion="v2"),
    ]
    row = RULES.palette_attribute_consensus(documents)["p1", "mood"]
    assert (row["winner"], row["share"], row["model_total"], row["mean_model_share"]) == ("calm", 0.75, 2, 0.833333)
    rows = RULES.palette_tag_ranking(documents)
    assert [rows["p1", "mood", tag]["mean_model_share"] for tag in ("calm", "bold")] == [0.833333, 0.666667]


# --- DuckDB's Unicode ------------------------------------------------------------------------------------------------


def model_of_lower(text: str) -> str:
    return "".join(map(lower_code_point, text))


def test_duckdb_lowers_and_composes_every_known_code_point_as_the_model_does() -> None:
    rows = duckdb.sql(
        "select chr(code::integer), lower(chr(code::integer)), nfc_normalize(chr(code::integer))"
        " from range(1114112) as codes (code) where code not between 55296 and 57343"
    ).fetchall()
    assert len(rows) == 0x110000 - 0x800
    different = [
        text
        for text, lowered, composed in rows
        if lowered != model_of_lower(text) or composed != unicodedata.normalize("NFC", text)
    ]
    assert [text for text in different if unicodedata.category(text) != "Cn"] == []


# DuckDB's nfc_normalize ends a text that isn't ASCII at its first NUL, so the text is taken apart there.
DUCKDB_NFC = "array_to_string(list_transform(string_split(text, chr(0)), lambda part: nfc_normalize(part)), chr(0))"


def of_texts(texts: list[str], *expressions: str) -> list[tuple[str, ...]]:
    """Give each text with what DuckDB makes of it."""
    table = pyarrow.table({"text": texts})
    with duckdb.connect() as connection:
        connection.register("texts", table)
        return connection.execute(f"select text, {', '.join(expressions)} from texts").fetchall()


def duckdb_text_functions(texts: list[str]) -> list[tuple[str, ...]]:
    """Give each text with DuckDB's NFC and lower case of it."""
    return of_texts(texts, DUCKDB_NFC, "lower(text)")


def cleaned_by_the_macro(texts: list[str]) -> list[tuple[str, ...]]:
    """Give each text with what the macro `clean_tag` makes of it."""
    source = (PROJECT / "macros" / "clean_tag.sql").read_text(encoding="utf-8")
    macros = jinja2.Environment(autoescape=False).from_string(source).module  # noqa: S701
    return of_texts(texts, vars(macros)["clean_tag"]("text"))


@cache
def sequences_that_compose() -> list[str]:
    """Make random sequences of characters that NFC joins, parts or reorders, among others."""
    chance = random.Random(20260115)
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    marks = [character for character in known if unicodedata.combining(character)]
    composed = [character for character in known if unicodedata.normalize("NFD", character) != character]
    parts = sorted({part for character in composed for part in unicodedata.normalize("NFD", character)})
    hangul = [chr(code) for code in (*range(0x1100, 0x1200), *range(0xAC00, 0xAC00 + 60))]
    pools = (known, marks, composed, parts, parts, hangul, ["\x00", "A", "e"])
    return ["".join(chance.choice(chance.choice(pools)) for _ in range(chance.randint(2, 7))) for _ in range(60_000)]


def test_duckdb_treats_sequences_as_the_model_does() -> None:
    texts = [text for text in sequences_that_compose() if same_on_both_engines(text)]
    assert len(texts) > 50_000
    for text, composed, lowered in duckdb_text_functions(texts):
        assert composed == unicodedata.normalize("NFC", text), ascii(text)
        assert lowered == model_of_lower(text), ascii(text)


def test_the_macro_cleans_every_character_and_sequence_as_the_model_does() -> None:
    spaces = sorted(WHITE_SPACE)
    characters = (chr(code) for code in range(0x30000))
    changed = [one for one in characters if clean_tag(one) != one and same_on_both_engines(one)]
    sequences = [text for text in sequences_that_compose()[:15_000] if same_on_both_engines(text)]
    spaced = [f"{text[0]}{spaces[n % 26]}{text[1:]}{spaces[n % 7]}" for n, text in enumerate(sequences)]
    assert len(changed) > 2_000
    for text, tag in cleaned_by_the_macro([*changed, *spaced]):
        assert tag == clean_tag(text), ascii(text)
        # NFC and white space don't touch each other: whichever goes first, the tag is the same.
        assert tag == clean_tag(unicodedata.normalize("NFC", text)), ascii(text)


def test_the_macro_leaves_long_texts_without_nfc_and_ends_soon() -> None:
    marks = "".join(map(chr, range(0x0300, 0x0370)))
    thousand = "e\u0301" * 500
    texts = [thousand, thousand + "x", f" {thousand}\n", "e" + marks * 700, "É" + marks * 4600]
    cleaned = [tag for _text, tag in cleaned_by_the_macro(texts)]
    assert cleaned == [clean_tag(text) for text in texts]
    assert cleaned[:3] == ["\u00e9" * 500, thousand + "x", "\u00e9" * 500]


def test_texts_that_the_engines_may_treat_differently_are_told_apart() -> None:
    assert same_on_both_engines("")
    assert same_on_both_engines("café\x00 凉 🌊")
    assert not same_on_both_engines("a\U0001fae8")  # of Unicode 15, after Python 3.11
    assert not same_on_both_engines("a\uffff")
    assert not same_on_both_engines("a\ud800")
    assert not same_on_both_engines("가" + DROPPED_BY_DUCKDB)


# --- strategies ------------------------------------------------------------------------------------------------------


@given(st.sampled_from(strategies.ATTRIBUTES).flatmap(strategies.messy_text))
def test_messy_texts_are_the_same_on_both_engines_and_need_no_second_trim(text: str) -> None:
    assert same_on_both_engines(text)
    tag = clean_tag(text)
    assert tag == tag.strip(" ")
    assert not any(character in WHITE_SPACE - {" "} for character in tag)
    assert "  " not in tag


def test_every_nasty_text_is_the_same_on_both_engines() -> None:
    assert [text for text in strategies.NASTY_TEXTS if not same_on_both_engines(text)] == []
    for text, composed, lowered in duckdb_text_functions(list(strategies.NASTY_TEXTS)):
        assert (composed, lowered) == (unicodedata.normalize("NFC", text), model_of_lower(text))


@given(strategies.palette_tags_document(number=7, duplicate_keys=True))
def test_a_drawn_document_is_json_with_its_own_id(text: str) -> None:
    assert parse_document(text).answer_id == "d0007"
    for value in RULES.values(text):
        assert (value.tag is None) == (value.value_class == "not_text")


@settings(max_examples=50, deadline=None)
@given(strategies.documents())
def test_the_counts_of_any_documents_hold_together(documents: list[str]) -> None:
    total = total_results(documents)
    counted = RULES.counted_values(documents)
    frequencies = RULES.frequencies(documents)
    canonical = RULES.canonical_frequencies(documents)
    assert len({parse_document(text).answer_id for text in documents}) == len(documents)
    assert sum(row["occurrences"] for row in frequencies.values()) == len(counted)
    assert sum(row["occurrences"] for row in canonical.values()) == len(counted)
    for (seed, prompt_version, attribute, _), row in frequencies.items():
        assert row["model_count"] <= row["answer_count"] <= min(row["occurrences"], total[seed, prompt_version])
        assert canonical[seed, prompt_version, attribute, row["canonical_tag"]]["answer_count"] >= row["answer_count"]
    for group, consensus in RULES.consensus(documents).items():
        assert consensus["totalModels"] == total[group]
        for entries in consensus["categorical"].values():
            assert sum(entry["value"] for entry in entries) <= total[group]
    for row in RULES.attribute_consensus(documents).values():
        assert 0 <= row["margin"] <= row["share"] <= 1
        assert row["entropy"] is None or 0 <= row["entropy"] <= 1
        assert 1 <= row["effective_tags"] <= row["tag_count"] + 1e-9
        assert row["mean_model_share"] is None or 0 <= row["mean_model_share"] <= 1
        assert row["is_tie"] == (row["margin"] == 0)
