"""Asks a released file in sessions of all kinds: whatever a reader has set, the answers are the same.

It needs nothing but DuckDB, so that any version can run it: `python readers.py palettes.duckdb [EXPECTED]` prints a
digest of the answers, and fails if a session, or EXPECTED, says otherwise.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

Session = Mapping[str, str]

ONE_BY_ONE: tuple[Session, ...] = (
    {"default_order": "desc"},
    {"default_null_order": "nulls_first"},
    {"default_order": "desc", "default_null_order": "nulls_last_on_asc_first_on_desc"},
    {"default_null_order": "nulls_first_on_asc_last_on_desc", "default_collation": "noaccent"},
    {"default_collation": "nocase"},
    {"default_collation": "de"},
)
TOGETHER: Session = {
    "Calendar": "buddhist",
    "TimeZone": "Asia/Tokyo",
    "dialect_compatibility_mode": "spark",
    "disable_timestamptz_casts": "true",
    "ieee_floating_point_ops": "false",
    "integer_division": "true",
    "max_expression_depth": "100",
    "merge_join_threshold": "0",
    "nested_loop_join_threshold": "0",
    "old_implicit_casting": "true",
    "order_by_non_integer_literal": "true",
    "ordered_aggregate_threshold": "1",
    "perfect_ht_threshold": "0",
    "prefer_range_joins": "true",
    "preserve_identifier_case": "false",
    "preserve_insertion_order": "false",
    "scalar_subquery_error_on_multiple_rows": "false",
    "scheduler_process_partial": "true",
    "threads": "4",
}
"""What changes no answer is tried at once, to save time."""

TRIED = {name for session in (*ONE_BY_ONE, TOGETHER) for name in session}
THE_READERS_OWN = """
    null_order schema search_path active_grammar_extensions current_dialect warnings_as_errors
    max_memory memory_limit operator_memory_limit max_execution_time worker_threads external_threads
    lambda_syntax
"""
"""Aliases, the language itself, what a query may take, and one that gives an error: DuckDB 1.5 takes the stored lambdas
of `tag_summaries` for arrows, and refuses them where arrows are forbidden."""
HOW_DUCKDB_WORKS = """
    allocator_ approximate_join_ asof_loop_join_ async_threads block_allocator_ catalog_error_ debug_
    deprecated_using_key_ disable_database_ disabled_opti dynamic_or_filter_ enable_caching_ enable_fsst_
    enable_opti late_ home_directory index_scan_ initial_column_ max_streaming_ max_temp_ pin_threads pivot_
    read_ahead_ standard_vector_size storage_ streaming_buffer_ temp_
"""
WRITING = """
    access_mode auto_checkpoint_ checkpoint_ current_transaction_ default_block_size default_transaction_
    disabled_compression_ enable_macro_dep enable_optimistic_ enable_view_dep experimental_ force_ fsync_
    immediate_transaction_ max_vacuum_ partitioned_write_ vacuum_ wal_ write_buffer_ zstd_
"""
OTHER_FILES_AND_THE_NETWORK = """
    __delta_ allow autoinstall_ autoload_ binary_as_string cache_local_ custom_ default_secret_ disable_parquet_
    disabled_filesystems enable_external_ enable_geoparquet_ enable_http_ enable_object_cache extension_
    external_file_ file_search_ geometry_ http_ ignore_unknown_crs json_geometry_ lock_configuration parquet_
    password prefetch_ redact_ secret_ user validate_ variant_
"""
WHAT_IS_TOLD_BESIDE_THE_ANSWERS = """
    arrow_ disabled_log_ duckdb_api enable_logging enable_profiling enable_progress_ enabled_log_ errors_as_json
    explain_output log pandas_ produce_arrow_ profil progress_ python_ show_beh tracked_metrics
"""
NO_MATTER = tuple((HOW_DUCKDB_WORKS + WRITING + OTHER_FILES_AND_THE_NETWORK + WHAT_IS_TOLD_BESIDE_THE_ANSWERS).split())
"""How the names of those begin that no answer depends on."""

QUERIES = (
    "from refinement_candidates('a model', 1)",
    "from refinement_candidates('a model', 1, prompt_versions := {versions}, max_rows := 9)",
    "from tag_summaries({seeds})",
    "from tag_summaries({seeds}, prompt_versions := {versions})",
    "from tag_summaries({seeds}, prompt_versions := {versions}[:1])",
    "from top_tags(n := 1000)",
    "from top_tags(attribute := 'mood', prompt_version := {versions}[1])",
    *(f"from palette_tags({{seeds}}[{place}])" for place in (1, 2, -2, -1)),
)


def undecided(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the settings of this DuckDB of which nobody has said whether an answer may depend on them."""
    names = [name for (name,) in connection.execute("select name from duckdb_settings()").fetchall()]
    return sorted(
        name for name in names if name not in {*TRIED, *THE_READERS_OWN.split()} and not name.startswith(NO_MATTER)
    )


def answers(database: Path, session: Session) -> Iterator[str]:
    """Yield what the functions and the views answer in a session, without the settings that this DuckDB hasn't."""
    with duckdb.connect(str(database), read_only=True) as connection:
        seeds, versions = (
            connection.execute(
                f"select list(distinct {column} order by {column} asc nulls last) from main.palette_tag_consensus"
            ).fetchall()[0][0]
            for column in ("seed", '"promptVersion"')
        )
        views = connection.execute(
            "select view_name from duckdb_views() where not internal order by view_name asc nulls last"
        ).fetchall()
        known = {name for (name,) in connection.execute("select name from duckdb_settings()").fetchall()}
        for name, value in session.items():
            if name in known:
                connection.execute(f"set {name} = '{value}'")
        for query in QUERIES:
            rows = connection.execute(query.format(seeds=literal(seeds), versions=literal(versions))).fetchall()
            yield f"{query}: {rows}"
        for (view,) in views:
            md5 = "md5_number(cast(to_json(v) as varchar))"
            rows = connection.execute(f"select count(*), bit_xor({md5}) from main.{view} as v")
            yield f"{view}: {rows.fetchall()}"


def literal(texts: list[str]) -> str:
    """Return a list of texts as SQL writes it, which has no way to write NUL in quotes."""
    quoted = ("'" + text.replace("'", "''").replace("\0", "' || chr(0) || '") + "'" for text in texts)
    return f"[{', '.join(quoted)}]"


def main(database: Path, expected: str | None) -> int:
    """Print the digest of the answers, and tell on stderr what differs from it in which session."""
    usual = [*answers(database, {})]
    digest = hashlib.sha256("\n".join(usual).encode()).hexdigest()
    print(digest)
    faults = [
        f"{session}: {one[:70]}"
        for session in (*ONE_BY_ONE, TOGETHER)
        for one, other in zip(usual, answers(database, session), strict=True)
        if one != other
    ]
    if expected not in (None, digest):
        faults.append(f"the answers aren't those of the DuckDB that published the file ({expected})")
    for fault in faults:
        print(f"DuckDB {duckdb.__version__}: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
