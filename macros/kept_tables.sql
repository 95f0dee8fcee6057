{#
    Incremental models keep their rows. A row is never changed in place: its key says what it was made from, what changes gets a
    key that was never given before. So a build deletes the rows whose key no longer stands, and inserts those with a key that is
    not there. It looks at what stands, so what it costs doesn't grow with the number of builds before it.
    See docs/decisions/0023-builds-by-change.md.
#}
{% macro delete_orphans(keys, standing) %}
    {% if is_incremental() %}
        delete from {{ this }}
        where not exists (
            select 1
            from {{ standing }} as standing
            where {% for key in keys %}standing.{{ key }} = {{ this.identifier }}.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
        )
    {% endif %}
{% endmacro %}


{# After `from`: leaves out the rows whose keys an incremental model has already. #}
{% macro exclude_existing(rows, keys) %}
    {% if is_incremental() %}
        anti join {{ this }} as existing
            on {% for key in keys %}{{ rows }}.{{ key }} is not distinct from existing.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    {% endif %}
{% endmacro %}


{#
    The same for keys that are given in turn: what is new is above it. A number, not a subquery: so DuckDB skips what it need not
    read. Rows that are deleted after this was asked do no harm.
#}
{% macro high_water_mark(key) -%}
    {%- if execute and is_incremental() -%}
        {{- run_query('select coalesce(max(' ~ key ~ '), 0) from ' ~ this).columns[0].values()[0] -}}
    {%- else -%}
        0
    {%- endif -%}
{%- endmacro %}


{# May be greater than any key that stands: where a build broke off, other tables still have the rows of keys that no longer do. #}
{% macro last_key_given() -%}
    {%- if execute and is_incremental() -%}
        {{- run_query("select coalesce(max(last_key), 0) from raw.model_state where node = '" ~ model.unique_id ~ "'").columns[0].values()[0] -}}
    {%- else -%}
        0
    {%- endif -%}
{%- endmacro %}


{# The first run that brought any of these documents: those before it need not be read. Greater than any where there are none. #}
{% macro first_run(changes, ordinals) -%}
    {%- if execute and is_incremental() -%}
        {{- run_query(
            "select coalesce(min(_run_id), 'none') from " ~ changes ~ ' where _ordinal in (' ~ ordinals ~ ')'
        ).columns[0].values()[0] -}}
    {%- endif -%}
{%- endmacro %}


{% macro runs_of(source) -%}
    (select run_id as _run_id, first_ordinal from raw.build_files where name = '{{ source.identifier }}')
{%- endmacro %}


{# For `in (…)`: runs of the raw zone. Texts, not a subquery: so their files alone are read. #}
{% macro runs_to_read(source) -%}
    {%- if execute and is_incremental() -%}
        {%- set runs = run_query(
            'select _run_id from ' ~ runs_of(source) ~ ' as runs anti join ' ~ this ~ ' as existing'
            ~ ' on runs._run_id = existing._run_id and runs.first_ordinal = existing.first_ordinal'
        ).columns[0].values() -%}
        '{{ runs | join("', '") }}'
    {%- else -%}
        ''
    {%- endif -%}
{%- endmacro %}


{#
    Before a build: what was made by other code, from other seeds, or from a table that was since made from scratch, is dropped, and so
    made in full. `raw.model_state` says what each model was last made by. It is written in `record_model_state`, when the
    models are there; what a build leaves undone is made in full by the next.
#}
{% macro drop_stale_tables() %}
    {% if execute and flags.WHICH in ['build', 'run', 'seed'] %}
        {% do run_query('create schema if not exists raw') %}
        {% do run_query('create table if not exists raw.model_state (node varchar primary key, lineage varchar, last_key bigint)') %}
        {% set made = model_state() %}
        {% for node, lineage in lineages(made).items() if node in selected_resources %}
            {% set model = graph.nodes[node] %}
            {% set relation = existing_relation(model) %}
            {% if made.get(node) != lineage %}
                {% do run_query("delete from raw.model_state where node = '" ~ node ~ "'") %}
                {% if relation %}
                    {% do adapter.drop_relation(relation) %}
                {% endif %}
            {% elif relation and model.config.meta.numbers %}
                {% do run_query(
                    'update raw.model_state set last_key = greatest(last_key, (select max(' ~ model.config.meta.numbers ~ ') from ' ~ relation ~ "))"
                    ~ " where node = '" ~ node ~ "'"
                ) %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{% macro record_model_state(results) %}
    {% if execute and flags.WHICH in ['build', 'run', 'seed'] %}
        {% set made = model_state() %}
        {% set lineages_now = lineages(made) %}
        {% for result in results if result.status == 'success' and result.node.unique_id in lineages_now %}
            {% set node = result.node.unique_id %}
            {% if made.get(node) != lineages_now[node] %}
                {% do run_query("insert or replace into raw.model_state values ('" ~ node ~ "', '" ~ lineages_now[node] ~ "', 0)") %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{% macro model_state() %}
    {% set made = {} %}
    {% for row in run_query('select node, lineage from raw.model_state') %}
        {% do made.update({row[0]: row[1]}) %}
    {% endfor %}
    {{ return(made) }}
{% endmacro %}


{# By node: the code and the seeds that it is made of. Any macro may be part of any model, and so are dbt and DuckDB. #}
{% macro lineages(made) %}
    {% set shared = local_md5(tojson([project_macros(), dbt_version, run_query('select version()').columns[0].values()[0]])) %}
    {% set found = {} %}
    {% for node in graph.nodes.values() if node.resource_type in ['model', 'seed', 'snapshot'] %}
        {% do lineage_of(node.unique_id, made, shared, found) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# As dbt has loaded them, from wherever it loads macros. Those of generic tests, which dbt names so, make no table. #}
{% macro project_macros() %}
    {% set texts = {} %}
    {% for name, loaded in context[project_name].items() if not name.startswith('test_') %}
        {% do texts.update({name: loaded.macro.macro_sql}) %}
    {% endfor %}
    {{ return(texts | dictsort) }}
{% endmacro %}


{% macro lineage_of(node, made, shared, found) %}
    {% if node not in found %}
        {% set parts = [] %}
        {% for parent in graph.nodes[node].depends_on.nodes if parent in graph.nodes %}
            {% do parts.append(lineage_of(parent, made, shared, found)) %}
        {% endfor %}
        {% if node in selected_resources %}
            {% do found.update({node: own_lineage(graph.nodes[node], parts, made, shared)}) %}
        {% else %}
            {% do found.update({node: made.get(node, 'not made')}) %}
        {% endif %}
    {% endif %}
    {{ return(found[node]) }}
{% endmacro %}


{# A seed too large for dbt to have a checksum of its content (1 MiB) counts as changed. A table made in full gets a new mark. #}
{% macro own_lineage(node, parents, made, shared) %}
    {% set code = node.checksum.checksum if node.checksum.name == 'sha256' else invocation_id %}
    {% set lineage = local_md5(tojson([shared, code, node.config, node.get('contract'), parents], sort_keys=true)) %}
    {% if node.config.materialized == 'incremental' %}
        {% set before = made.get(node.unique_id, '') %}
        {% set stands = before.startswith(lineage) and existing_relation(node) and not flags.FULL_REFRESH %}
        {{ return(before if stands else lineage ~ ' ' ~ invocation_id) }}
    {% endif %}
    {{ return(lineage) }}
{% endmacro %}


{% macro existing_relation(node) %}
    {% if node.config.materialized == 'incremental' %}
        {{ return(load_cached_relation(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias))) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}
