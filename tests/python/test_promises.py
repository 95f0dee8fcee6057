"""What the statistics promise: the same data under another name is no change, and a real change is one."""

import json
import random
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from judged_statistics import assert_statistics_are_those_of_others
from statistics_by_hand import assert_pairs_and_drift_are_those_by_hand
from warehouse import WITHOUT_TESTS, Warehouse

CONTRASTS = ("high", "medium", "low")
MODELS = [f"m{number}" for number in range(8)]
MOODS = ("calm", "bold", "quiet", "eerie", "warm", "lively")
Vote = tuple[str, str, dict[str, Any]]
"""A palette, a model, and what it said."""


def votes(chance: random.Random, palettes: Iterable[str], skills: dict[str, float]) -> list[Vote]:
    """Let each model say of each palette what is true, as often as it is able to, and else anything."""
    drawn = []
    for palette in palettes:
        true = chance.choice(CONTRASTS), set(chance.sample(MOODS, 2))
        for model, skill in skills.items():
            knows = chance.random() < skill
            contrast, moods = true if knows else (chance.choice(CONTRASTS), set(chance.sample(MOODS, 2)))
            drawn.append((palette, model, {"contrast": contrast, "mood": sorted(moods)}))
    return drawn


def spoken(model_contrasts: dict[str, str], palettes: Iterable[str]) -> list[Vote]:
    return [(palette, model, {"contrast": said}) for palette in palettes for model, said in model_contrasts.items()]


def named(start: str, number: int) -> list[str]:
    return [f"{start}{place}" for place in range(number)]


def history() -> Iterator[tuple[str, list[Vote]]]:
    """Give each prompt version with the votes under it, the oldest first."""
    chance = random.Random(20261130)
    better, worse = MODELS[:4], MODELS[4:]
    once = votes(chance, named("p", 20), dict.fromkeys(better, 0.9) | dict.fromkeys(worse, 0.1))
    yield "once", once
    yield "thrice", once * 3
    yield "better half", [vote for vote in once if vote[1] in better]
    yield "all again", once
    yield "apart", spoken({"m0": "high", "m1": "high", "m2": "low", "m3": "medium"}, ["q0", "q1"])
    yield "closer", spoken({"m0": "high", "m1": "high", "m2": "high", "m3": "medium"}, ["q0", "q1"])
    yield "one model", spoken({"m0": "high"}, named("r", 6)) * 5 + spoken({"m0": "low"}, named("s", 6)) * 5
    tens = {f"a{place}": "high" for place in range(10)} | {f"b{place}": "low" for place in range(10)}
    yield "tens", spoken(tens, ["ten and ten"]) + spoken(tens | {"c": "medium"}, ["ten, ten and one"])
    yield "alike", spoken({"m0": "high", "m1": "high", "m2": "low"}, named("u", 12))
    guessed = votes(chance, named("t", 30), dict.fromkeys(MODELS, 0.4))
    yield "guessed", guessed
    yield "known", votes(chance, named("t", 30), dict.fromkeys(MODELS, 0.95))
    yield "guessed again", guessed


def documents(prompt_versions: Iterable[tuple[str, list[Vote]]]) -> list[str]:
    """Write the votes as answers, each a minute after the one before it; what is said again has the next index."""
    numbers = count()
    made = []
    for version, of_version in prompt_versions:
        runs: dict[tuple[str, str], Iterator[int]] = {}
        for palette, model, tags in of_version:
            number, run = next(numbers), next(runs.setdefault((palette, model), count()))
            fields = {"_id": f"d{number:05}", "_creationTime": 1_764_000_000_000.5 + 60_000 * number, "seed": palette}
            of_model = {"provider": "p", "model": model, "promptVersion": version, "analysisIndex": run, "tags": tags}
            made.append(json.dumps(fields | of_model))
    return made


def built(warehouse: Warehouse, answers: list[str]) -> Warehouse:
    warehouse.land_documents("palette_tags", answers)
    warehouse.run("build", *WITHOUT_TESTS)
    return warehouse


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return built(Warehouse(tmp_path_factory.mktemp("promises")), documents(history()))


def quality(warehouse: Warehouse, version: str, *columns: str) -> dict[str, tuple[Any, ...]]:
    """Give columns of `prompt_version_quality`, by those attributes that the votes are of."""
    rows = warehouse.rows(f"""
        select attribute, {", ".join(columns)} from prompt_version_quality
        where prompt_version = '{version}' and attribute in ('contrast', 'mood')
    """)
    return {row[0]: row[1:] for row in rows}


COMPARED = ("previous_prompt_version", "shared_palette_count", "agreement_change", "verdict")


@pytest.mark.parametrize(
    ("version", "before"), [("thrice", "once"), ("better half", "thrice"), ("all again", "better half")]
)
def test_the_same_prompt_under_two_names_is_no_change(told: Warehouse, version: str, before: str) -> None:
    """Whoever is asked more often, or isn't asked at all, is no reason to call the one better."""
    assert quality(told, version, *COMPARED, "agreement_change_p_value") == dict.fromkeys(
        ("contrast", "mood"), (before, 20, 0.0, "no clear change", 1.0)
    )
    assert told.rows(f"""
        select distinct share_change, t_score, p_value from tag_drift where prompt_version = '{version}'
    """) == [(0.0, 0.0, 1.0)]
    assert told.rows(f"""
        select distinct divergence, chance_divergence, p_value from attribute_drift where prompt_version = '{version}'
    """) == [(0.0, 0.0, 1.0)]


def test_asking_each_model_three_times_changes_no_statistic_between_models(told: Warehouse) -> None:
    columns = (
        "palette_count",
        "krippendorff_alpha",
        "krippendorff_alpha_lower_bound",
        "krippendorff_alpha_upper_bound",
    )
    once = quality(told, "once", *columns)
    assert quality(told, "thrice", *columns) == once
    assert all(-1 < low < alpha < high < 1 for _, alpha, low, high in once.values())
    shares = """
        select palette_seed, attribute, winner, model_total, mean_model_share, share_lower_bound, answer_total
        from attribute_consensus where prompt_version = '{}' order by all
    """
    few, many = (told.rows(shares.format(version)) for version in ("once", "thrice"))
    assert [row[:-1] for row in many] == [row[:-1] for row in few]
    assert [row[-1] for row in many] == [3 * row[-1] for row in few]


def test_equal_runs_of_one_model_are_no_agreement_between_models(told: Warehouse) -> None:
    columns = ("palette_count", "krippendorff_alpha", "krippendorff_alpha_lower_bound", "shared_palette_count")
    assert quality(told, "one model", *columns)["contrast"] == (0, None, None, 0)
    assert told.rows("""
        select distinct answer_total, share, model_total, mean_model_share, round(share_lower_bound, 4)
        from attribute_consensus where prompt_version = 'one model'
    """) == [(5, 1.0, 1, 1.0, 0.2065)]


def test_two_palettes_are_too_few_to_compare_prompts_by(told: Warehouse) -> None:
    assert quality(told, "closer", *COMPARED, "agreement_change_error", "agreement_change_p_value")["contrast"] == (
        "apart", 2, pytest.approx(1 / 3), "not comparable", 0.0, None
    )  # fmt: skip


@pytest.mark.parametrize("version", ["apart", "one model", "tens", "alike", "guessed"])
def test_prompts_that_share_no_palette_are_not_compared(told: Warehouse, version: str) -> None:
    columns = ("shared_palette_count", "agreement_change", "agreement_change_p_value", "verdict")
    assert quality(told, version, *columns) == dict.fromkeys(("contrast", "mood"), (0, None, None, "not comparable"))
    assert told.rows(f"select * from tag_drift where prompt_version = '{version}'") == []
    assert told.rows(f"select * from attribute_drift where prompt_version = '{version}'") == []


def test_palettes_that_are_all_alike_leave_no_doubt_of_alpha(told: Warehouse) -> None:
    columns = ("krippendorff_alpha", "krippendorff_alpha_lower_bound", "krippendorff_alpha_upper_bound")
    alpha, low, high = quality(told, "alike", *columns)["contrast"]
    assert low == pytest.approx(alpha, abs=1e-6)
    assert high == pytest.approx(alpha, abs=1e-6)
    assert low <= alpha <= high


def test_a_third_tag_makes_answers_more_spread(told: Warehouse) -> None:
    ((two, of_two), (three, of_three)) = told.rows("""
        select entropy, effective_tags from attribute_consensus where prompt_version = 'tens' order by palette_seed
    """)
    assert 0 < two < three < 1
    assert of_two == pytest.approx(2)
    assert 2 < of_three < 3


def test_a_prompt_that_lets_models_agree_is_better_and_its_reverse_worse(told: Warehouse) -> None:
    columns = ("shared_palette_count", "verdict")
    assert quality(told, "known", *columns) == dict.fromkeys(("contrast", "mood"), (30, "better"))
    assert quality(told, "guessed again", *columns) == dict.fromkeys(("contrast", "mood"), (30, "worse"))
    changes = [quality(told, version, "agreement_change") for version in ("known", "guessed again")]
    assert {name: -change for name, (change,) in changes[0].items()} == {
        name: change for name, (change,) in changes[1].items()
    }


def test_all_of_it_is_what_the_judges_say(told: Warehouse) -> None:
    compared = assert_statistics_are_those_of_others(told) + assert_pairs_and_drift_are_those_by_hand(told)
    assert min(compared.values()) > 0
    assert compared["krippendorff_alpha_lower_bound"] == 15  # contrast and mood under seven versions, and all alike


@pytest.mark.further
def test_dbts_tests_of_the_marts_hold_for_all_of_it(told: Warehouse) -> None:
    told.run("test", "--select", "path:models/marts", "--exclude-resource-type", "unit_test")


@pytest.mark.further
def test_only_tags_that_go_together_are_pairs(tmp_path: Path) -> None:
    """Sixty tags, each on a fifth of the palettes, make 1,770 pairs, of which chance alone would let some stand out."""
    chance = random.Random(60)
    answers = []
    for palette in named("p", 400):
        tags = [f"{chr(97 + place % 26) * 3}{place}" for place in range(60) if chance.random() < 0.2]
        answers.append((palette, "m", {"associations": [*tags, *["sea", "salt"] * (chance.random() < 0.3)]}))
    warehouse = built(Warehouse(tmp_path), documents([("v", answers)]))
    assert warehouse.rows("""
        select canonical_tag, other_canonical_tag, palette_count > 3 * expected_palettes, p_value
        from tag_pairs order by all
    """) == [("salt", "sea", True, 0.0), ("sea", "salt", True, 0.0)]
    assert warehouse.rows("select count(*) from int_frequent_tags") == [(62,)]
    assert_pairs_and_drift_are_those_by_hand(warehouse)
