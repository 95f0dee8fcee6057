"""The peer in SQL: an export's consensus in one hand-written DuckDB script: no dbt, no tests, no tables kept.

    python -m benchmarks.by_hand documents.jsonl out.parquet

Gives all that `palette_tag_consensus` has but `updatedAt`, and nothing else that the marts hold. It is exact on
malformed answers, synonyms, and tags that come twice in an answer. Two things are taken for granted, since no Convex
document can hold them: a key that comes twice in an object, and half a surrogate pair.

A first look at some answers gives a list of usual words, so that each answer is parsed once, into numbers. An answer
that says anything else (one in twenty-five of the generated ones) goes the slow way, whatever is odd about it.
"""

import json
import sys
from itertools import combinations
from pathlib import Path

import duckdb

CATEGORICAL = ("temperature", "contrast", "brightness", "saturation")
LISTS = ("harmony", "mood", "style", "dominant_colors", "seasonal", "associations")
ATTRIBUTES = (*CATEGORICAL, *LISTS)
SYNONYMS = Path(__file__).parents[1] / "seeds" / "synonyms.csv"
LOOKED_AT = 50_000
"""How many answers the usual words are taken from."""
COMPARED_IN_PAIRS = 4
"""The longest list of which no set is made, to see that nothing is in it twice."""

SHAPE = json.dumps(
    {
        "seed": "JSON",
        "promptVersion": "JSON",
        "tags": dict.fromkeys(CATEGORICAL, "JSON") | {name: ["JSON"] for name in LISTS},
    }
)


def each(sql: str, names: tuple[str, ...] = ATTRIBUTES, between: str = ", ") -> str:
    """Repeat a piece of SQL for each attribute: `@` is its name, `#` its number."""
    return between.join(sql.replace("@", name).replace("#", str(ATTRIBUTES.index(name))) for name in names)


def each_once(name: str) -> str:
    """Say in SQL whether a list has no null and nothing twice. For short ones, pairs are cheaper than a set."""
    whens = [f"when 1 then {name}[1] is not null"]
    for length in range(2, COMPARED_IN_PAIRS + 1):
        pairs = combinations(range(1, length + 1), 2)
        whens.append(f"when {length} then " + " and ".join(f"{name}[{one}] <> {name}[{other}]" for one, other in pairs))
    return f"case said_{name} {' '.join(whens)} else len(list_distinct({name})) = said_{name} end"


def script(source: str, target: str) -> list[str]:
    """Return the statements that read the answers in `source` and write the consensus to `target`."""
    return [
        "set preserve_insertion_order = false",
        f"set temp_directory = '{target}.tmp'",
        *_cleaning(),
        *_usual_words(source),
        *_answers_in_usual_words(),
        *_odd_answers(),
        *_tags(),
        *_counts(),
        *_consensus(target),
    ]


def _cleaning() -> list[str]:
    return [
        # Cleaning, as rule 3 has it. nfc_normalize drops what follows the first NUL.
        """create macro nfc(text) as case when contains(text, chr(0))
            then array_to_string([nfc_normalize(part) for part in string_split(text, chr(0))], chr(0))
            else nfc_normalize(text) end""",
        r"create macro spaced(text) as trim(regexp_replace(text, '[\t-\r\x{85}\p{Z}\x{FEFF}]+', ' ', 'g'), ' ')",
        """create macro clean(text) as
            lower(case when length(spaced(text)) > 1000 then spaced(text) else nfc(spaced(text)) end)""",
        r"""create macro is_odd(tag) as length(tag) > 100 or regexp_matches(tag, '[\[\]{}]|["''] *[:,]|[:,] *"')""",
        f"""create temp table synonyms as
            select cast(list_position({list(ATTRIBUTES)}, attribute) - 1 as tinyint) as attribute, tag, canonical_tag
            from read_csv('{SYNONYMS}', all_varchar = true, header = true, delim = ',', quote = '"', escape = '"')""",
    ]


def _usual_words(source: str) -> list[str]:
    return [
        f"""create temp view answers as
            select json, from_json(json, '{SHAPE}') as answer
            from read_ndjson_objects('{source}', maximum_object_size = 67108864)""",
        # Usual are, of a list, the tags that are their own canonical tag; of a choice, any text.
        f"""create temp table seen as
            select distinct is_list, unnest(texts) as text from (
                select unnest([false, true]) as is_list, unnest([
                    cast([{each("answer.tags.@", CATEGORICAL)}] as varchar[]),
                    cast({each("coalesce(answer.tags.@, [])", LISTS, " || ")} as varchar[])
                ]) as texts from (from answers limit {LOOKED_AT})
            )""",
        """create temp table usual as
            select is_list, text, clean(cast(text as json) ->> '$') as tag
            from seen where text like '"%'""",
        "create type choice as enum (select text from usual where not is_list and tag <> '')",
        """create type word as enum (
            select text from usual where is_list and tag <> '' and not is_odd(tag)
            and text = cast(to_json(tag) as varchar) and tag not in (select tag from synonyms where attribute > 3))""",
    ]


def _answers_in_usual_words() -> list[str]:
    """Tell each answer in usual words, each once, or keep it as it came."""
    usual_choices = each("@ is not null", CATEGORICAL, " and ")
    # A text that is no usual word is cast to null.
    usual_lists = " and ".join(each_once(name) for name in LISTS)
    return [
        f"""create temp table told as
            select seed, version, if(is_usual, null, json) as json,
                {each("if(is_usual, @, null) as @")}
            from (
                select *, coalesce({usual_choices} and {usual_lists}, false) as is_usual
                from (
                    select json, cast(answer.seed as varchar) as seed,
                        cast(answer."promptVersion" as varchar) as version,
                        {each("try_cast(cast(answer.tags.@ as varchar) as choice) as @", CATEGORICAL)},
                        {each("len(answer.tags.@) as said_@", LISTS)},
                        {each("try_cast(cast(answer.tags.@ as varchar[]) as word[]) as @", LISTS)}
                    from answers
                )
            ) where seed like '"%' and version like '"%'
            and (is_usual or json_type(json, '$.tags') = 'OBJECT')""",
        """create temp table groups as
            select seed, version, count(*) as total, cast(row_number() over () as integer) as number
            from told group by all""",
        f"""create temp table counted as
            select number, told.rowid as answer, json, {each("@")} from told join groups using (seed, version)""",
        "drop table told",
    ]


def _odd_answers() -> list[str]:
    """Take the slow way: every string at any depth of lists, cleaned."""
    return [
        f"""create temp table odd_values as
            select number, answer, attribute, id as place, cast(node.value as varchar) as text
            from (
                select number, answer, cast(unnest(range({len(ATTRIBUTES)})) as tinyint) as attribute,
                    unnest(json_extract(json, [{each("'$.tags.@'")}])) as value
                from counted where json is not null
            ) as odd, json_tree(odd.value) as node
            where node.type = 'VARCHAR' and regexp_full_match(node.fullkey, '\\$(\\[\\d+\\])*')""",
        """create temp table texts as
            select attribute, text, coalesce(canonical_tag, tag) as tag,
                canonical_tag is not null or not is_odd(tag) as is_published
            from (
                select attribute, text, clean(cast(text as json) ->> '$') as tag from (
                    select attribute, text from odd_values
                    union
                    select cast(attribute as tinyint), text
                    from range(4) as choices (attribute), (select unnest(enum_range(null::choice)) as text)
                )
            ) left join synonyms using (attribute, tag) where tag <> ''""",
    ]


def _tags() -> list[str]:
    """Give each tag a number: that of the usual word, or one after those."""
    return [
        """create temp table words as
            select cast(word as json) ->> '$' as tag, cast(enum_code(cast(word as word)) as integer) as key
            from (select unnest(enum_range(null::word)) as word)""",
        """insert into words
            select tag, row_number() over () + (select count(*) from words) from (select distinct tag from texts)
            where tag not in (select tag from words)""",
        """create temp table tags as
            select key, cast(row_number() over (order by tag) as integer) as rank, tag from words""",
        """create temp table choices as
            select attribute, cast(text as choice) as choice, key
            from texts join words using (tag)
            where is_published and attribute < 4 and text in (select unnest(enum_range(null::choice)))""",
    ]


def _counts() -> list[str]:
    """Count. An odd answer has one vote for a choice, the first; and says a tag of a list once."""
    choices = each(
        "select number, cast(# as tinyint) as attribute, @ as choice from counted", CATEGORICAL, " union all "
    )
    words = each("select number, cast(# as tinyint), enum_code(unnest(@)) from counted", LISTS, " union all ")
    return [
        """create temp table odd_tags as
            select distinct number, answer, attribute, key
            from (
                select * from odd_values join texts using (attribute, text)
                qualify attribute > 3 or row_number() over (partition by answer, attribute order by place) = 1
            ) join words using (tag) where is_published""",
        f"""create temp table counts as
            select number, attribute, key, count(*) as value from (
                select number, attribute, key from odd_tags
                union all
                select number, attribute, key from (
                    {choices}
                ) join choices using (attribute, choice)
                union all
                {words}
            ) group by all""",
        "drop table counted",
        "drop table odd_values",
    ]


def _consensus(target: str) -> list[str]:
    return [
        """create temp table lists as
            select number, attribute, list_sort(list({negated: -cast(value as integer), rank: rank})) as tags
            from counts join tags using (key) group by all""",
        "drop table counts",
        """create temp table named as
            select number, attribute, [
                {key: names[said.rank], value: cast(-said.negated as double)} for said in lists.tags
            ] as tags
            from lists cross join (select list(tag order by rank) as names from tags)""",
        "drop table lists",
        f"""copy (
            select cast(seed as json) ->> '$' as seed, cast(version as json) ->> '$' as "promptVersion",
                total as "totalModels", {each("coalesce(first(tags) filter (where attribute = #), []) as @")}
            from groups left join named using (number) group by all
        ) to '{target}' (format parquet)""",
    ]


def main(source: str, target: str) -> None:
    """Count the answers in `source` and write their consensus to `target`."""
    with duckdb.connect() as database:
        for statement in script(source, target):
            database.execute(statement)


if __name__ == "__main__":
    main(*sys.argv[1:3])
