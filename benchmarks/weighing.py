"""The weighted consensus of any votes, by the project's own models: for simulations, labelled votes and tests."""

from functools import cache
from pathlib import Path

import duckdb
from jinja2 import Environment

PROJECT = Path(__file__).resolve().parents[1]
MACROS = ("statistics.sql", "kept_tables.sql", "weighted_votes.sql")
MODELS = (
    "int_vote_weights",
    "int_tag_strengths",
    "weighted_consensus",
    "int_weighted_vote_contingency",
)
"""In the order in which they read each other."""


def weigh(connection: duckdb.DuckDBPyConnection, **overrides: object) -> None:
    """Make the tables of `MODELS` from `votes`: a row a vote, with `attribute`, `item`, `model` and `tag` from 1.

    Several worlds may stand side by side: each attribute has a fit of its own. `overrides` gives macros another value.
    """
    connection.execute("""
        create or replace table int_model_votes as
        select
            *,
            vote_count / sum(vote_count) over (partition by palette_prompt_key, attribute_key, model_key) as voter_share
        from (
            select
                item::integer as palette_prompt_key, attribute::integer as attribute_key, model::integer as model_key,
                (attribute - 1)::integer * 1000000 + tag::integer as canonical_tag_key, count(*)::integer as vote_count
            from votes
            group by all
        );
        create or replace table int_palette_prompts as
        select distinct palette_prompt_key, palette_prompt_key::varchar as palette_seed, 'v' as prompt_version
        from int_model_votes;
        create or replace table int_canonical_tags as
        select distinct
            canonical_tag_key,
            attribute_key::varchar as attribute,
            (canonical_tag_key % 1000000)::varchar as canonical_tag,
            canonical_tag_key as name_order
        from int_model_votes;
    """)
    for model in MODELS:
        connection.execute(f"create or replace table {model} as {sql_of(model, **overrides)}")


@cache
def sql_of(model: str, **overrides: object) -> str:
    """Return a model's query, as dbt makes it for a full build, reading tables that are called as models are."""
    macros = "".join((PROJECT / "macros" / name).read_text(encoding="utf-8") for name in MACROS)
    macros += "".join(f"{{% macro {name}() %}}{value}{{% endmacro %}}" for name, value in overrides.items())
    (file,) = (PROJECT / "models").rglob(f"{model}.sql")
    dbt = {"ref": lambda name: name, "is_incremental": lambda: False, "execute": False}
    sql = Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701 - it is SQL
    return sql.from_string(macros + file.read_text(encoding="utf-8")).render(dbt)
