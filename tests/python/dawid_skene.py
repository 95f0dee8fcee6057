"""The weighted consensus of any votes: as our SQL has it, as crowd-kit has it, and by a plain model in Python."""

import json
import math
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction

import duckdb
import pytest
from jinja2 import Environment
from warehouse import PROJECT, Warehouse

STEPS = 10
EM = (
    "int_panel_opinions",
    "int_item_opinions",
    "int_vote_patterns",
    "int_error_rate_steps",
    "int_tag_posteriors",
    "int_model_error_rates",
)
CROWD_KIT = PROJECT / ".venv-crowdkit" / "bin" / "python"

Vote = tuple[int, int, int]
"""Item, model, tag."""


@dataclass(frozen=True)
class Fit:
    """What a method finds."""

    posteriors: dict[tuple[int, int], float]
    """By item and tag."""
    error_rates: dict[tuple[int, int, int], float]
    """By model, tag said and tag that is true."""


def by_the_project(votes: list[Vote], pseudo_votes: float | None = None, panels: int = 4) -> Fit:
    """Run the project's own models on votes, with as many pseudo-votes a cell, and panels, as you say."""
    with duckdb.connect() as connection:
        connection.execute("create table votes (item integer, model integer, tag integer)")
        connection.executemany("insert into votes values (?, ?, ?)", votes)
        connection.execute(f"""
            create table int_categorical_votes as
            select
                item as group_key, 1::tinyint as attribute_key, model_key % {panels} + 1 as panel,
                list_sort(list(struct_pack(model_key, canonical_tag_key, vote_count))) as votes
            from (
                select item, model as model_key, tag as canonical_tag_key, count(*)::integer as vote_count
                from votes group by all
            )
            group by item, model_key % {panels}
        """)
        for model in EM:
            connection.execute(f"create table {model} as {sql_of(model, pseudo_votes, panels)}")
        posteriors = connection.execute("""
            select group_key, canonical_tag_key, posterior / 1e12
            from (select pattern_key, unnest(group_keys) as group_key from int_vote_patterns)
            join int_tag_posteriors using (pattern_key)
        """).fetchall()
        error_rates = connection.execute("""
            select model_key, said_tag_key, true_tag_key, error_rate
            from int_model_error_rates
            where model_key is not null
        """).fetchall()
    return Fit({(i, t): p for i, t, p in posteriors}, {(m, s, t): p for m, s, t, p in error_rates})


def sql_of(model: str, pseudo_votes: float | None = None, panels: int = 4) -> str:
    """Return a model's query, as dbt makes it for a full build, reading tables that are called as models are."""
    macros = "".join((PROJECT / "macros" / name).read_text() for name in ("dawid_skene.sql", "kept_tables.sql"))
    macros += f"{{% macro panels() %}}{panels}{{% endmacro %}}"
    if pseudo_votes is not None:
        macros += f"{{% macro pseudo_votes() %}}{pseudo_votes}{{% endmacro %}}"
    (file,) = (PROJECT / "models").rglob(f"{model}.sql")
    dbt = {"ref": lambda name: name, "is_incremental": lambda: False, "execute": False}
    sql = Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701 - it is SQL
    return sql.from_string(macros + file.read_text()).render(dbt)


def votes_of(warehouse: Warehouse, attribute: str) -> list[Vote]:
    """Return the votes for an attribute, by another way than the models': from what is public."""
    return [
        (item, model, tag)
        for item, model, tag in warehouse.rows(f"""
            select hash(palette_seed, prompt_version), hash(model), hash(canonical_tag)
            from tag_values
            where attribute = '{attribute}' and value_class in ('allowed', 'mapped') and is_counted
                and model is not null
        """)
    ]


def posteriors_of(warehouse: Warehouse, attribute: str) -> dict[int, tuple[int, float]]:
    """Return the winner and its posterior that are public, by item as in `votes_of`."""
    found = warehouse.rows(f"""
        select hash(palette_seed, prompt_version), hash(winner), posterior
        from weighted_consensus
        where attribute = '{attribute}'
    """)
    return {item: (winner, posterior) for item, winner, posterior in found}


def by_crowd_kit(votes: list[Vote], pseudo_votes: float) -> Fit:
    """Ask crowd-kit, or skip the test that asks; 0 pseudo-votes is crowd-kit as it comes."""
    if not CROWD_KIT.exists():
        pytest.skip("needs crowd-kit, in an environment of its own: make crowdkit")
    question = json.dumps({"votes": votes, "steps": STEPS, "pseudo_votes": pseudo_votes})
    judge = [str(CROWD_KIT), "-W", "ignore", str(PROJECT / "tests" / "crowd_kit_judge.py")]
    result = subprocess.run(judge, input=question, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    return Fit({(i, t): p for i, t, p in answer["posteriors"]}, {(m, s, t): p for m, s, t, p in answer["error_rates"]})


def by_hand(votes: list[Vote]) -> Fit:
    """Go by the paper, one item after the other, with one pseudo-vote a cell."""
    items, tags = sorted({item for item, _, _ in votes}), sorted({tag for _, _, tag in votes})
    said = {(model, tag) for _, model, tag in votes}
    of_item: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for item, model, tag in votes:
        of_item[item].append((model, tag))
    posteriors = {
        (item, tag): float(Fraction(Counter(t for _, t in of_item[item])[tag], len(of_item[item])))
        for item in items
        for tag in tags
    }
    rates: dict[tuple[int, int, int], float] = {}
    for step in range(STEPS + 1):
        prior = {tag: math.fsum(posteriors[item, tag] for item in items) / len(items) for tag in tags}
        expected = {(model, tag, true): 1.0 for model, tag in said for true in tags}
        for item, model, tag in votes:
            for true in tags:
                expected[model, tag, true] += posteriors[item, true]
        sums: dict[tuple[int, int], float] = defaultdict(float)
        for (model, _, true), count in expected.items():
            sums[model, true] += count
        rates = {(model, tag, true): count / sums[model, true] for (model, tag, true), count in expected.items()}
        if step == STEPS:
            break
        for item in items:
            logs = {
                true: math.log(prior[true] + 1e-10 / len(items))
                + math.fsum(math.log(rates[model, tag, true]) for model, tag in of_item[item])
                for true in tags
            }
            likelihoods = {true: math.exp(log - max(logs.values())) for true, log in logs.items()}
            for true in tags:
                posteriors[item, true] = likelihoods[true] / sum(likelihoods.values())
    return Fit(posteriors, rates)


def largest_differences(ours: Fit, theirs: Fit) -> tuple[float, float]:
    """Return the largest difference of a posterior, and that of an error rate. All keys have to be the same."""
    assert ours.posteriors.keys() == theirs.posteriors.keys()
    assert ours.error_rates.keys() == theirs.error_rates.keys()
    return (
        max(abs(p - theirs.posteriors[key]) for key, p in ours.posteriors.items()),
        max(abs(p - theirs.error_rates[key]) for key, p in ours.error_rates.items()),
    )
