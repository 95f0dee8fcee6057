{% macro pin_raw_zone() %}
    {% if execute and (flags.WHICH in ['build', 'run', 'seed', 'snapshot'] or not raw_zone_is_pinned()) %}
        {% set raw_dir = path_setting('RAW_DIR', 'data/raw') %}
        {% do refuse_unless_raw_dir(raw_dir) %}
        {% do run_query('create schema if not exists raw') %}
        {% do run_query(build_runs_sql(raw_dir)) %}
        {% do run_query(build_files_sql()) %}
        {% do refuse_unless_runs_are_whole(raw_dir) %}
        {% set files = raw_files() %}
        {% if not files and not flags.EMPTY %}
            {% do print('There is no run in ' ~ raw_dir ~ ': all tables are taken as empty. If it should hold any, correct RAW_DIR; else land one with: python -m extract load PATH') %}
        {% endif %}
        {% for source in graph.sources.values() if source.source_name == 'raw' and source.name != 'build_runs' %}
            {% set paths = files.get(source.name, []) %}
            {% if files and not paths and source.name != 'rejected_lines' %}
                {% do exceptions.warn("No run in " ~ raw_dir ~ " holds " ~ source.name ~ ": it is taken as empty. Land one with: python -m extract load PATH") %}
            {% endif %}
            {% do run_query(raw_view_sql(source, paths)) %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{% macro raw_zone_is_pinned() %}
    {{ return(adapter.get_relation(database=target.database, schema='raw', identifier='build_runs') is not none) }}
{% endmacro %}


{% macro build_runs_sql(raw_dir) %}
    {% set run_files = run_pattern(raw_dir) ~ '/run.json' %}
    {% set any_run = run_query("select count(*) from glob('" ~ run_files ~ "')").columns[0].values()[0] %}
    create or replace table raw.build_runs as
    with visible as (
        select
            content ->> '$.run_id' as run_id,
            parse_dirpath(filename) as directory,
            content ->> '$.source.type' as source_type,
            coalesce(content ->> '$.source.first', '') as first_folded,
            content
        from
            {% if any_run %}
            (select filename, try_cast({{ readable_json('content') }} as json) as content from read_text('{{ run_files }}'))
            {% else %}
            (select null::varchar as filename, null::json as content where false)
            {% endif %}
    ),
    standing as (
        select * from visible
        where not exists (
            from visible as later
            where later.source_type = 'compact'
              and visible.run_id >= later.first_folded
              and visible.run_id < later.run_id
        )
    )
    select
        run_id,
        (row_number() over (order by run_id asc nulls last) - 1)::integer as run_index,
        content ->> '$.kind' as kind,
        cast(content ->> '$.finished_at' as timestamptz) at time zone 'UTC' as landed_at,
        cast(content ->> '$.snapshot_ts' as bigint) as snapshot_ts,
        source_type,
        content ->> '$.source.name' as source_name,
        directory,
        from_json(content -> '$.tables', '[{"name": "VARCHAR", "file": "VARCHAR", "rows": "BIGINT"}]') as tables,
        '{{ invocation_id }}' as invocation_id
    from standing
{% endmacro %}


{% macro build_files_sql() %}
    create or replace table raw.build_files as
    with files as (
        select run_id, unnest(tables).name as name, directory || '/' || unnest(tables).file as path from raw.build_runs
        union all
        select run_id, 'rejected_lines', directory || '/_rejected.parquet' from raw.build_runs
    )
    select *, (row_number() over (partition by name order by run_id asc nulls last) - 1)::bigint << 40 as first_ordinal from files
{% endmacro %}


{# In a pattern, a backslash parts folders. `read_text` has no `hive_partitioning`, and DuckDB breaks where a folder is called as a column. #}
{% macro refuse_unless_raw_dir(raw_dir) %}
    {% if '\\' in raw_dir or modules.re.search('(?i)(?:^|/)(?:filename|content|size|last_modified)=', raw_dir) %}
        {% do wrong_setting('RAW_DIR', raw_dir, 'DuckDB can list no folder with a backslash, filename=, content=, size= or last_modified= in its path: choose another') %}
    {% endif %}
{% endmacro %}


{% macro run_pattern(raw_dir) -%}
    {{- as_pattern(raw_dir) -}}/[0-9]*T[0-9]*Z-*
{%- endmacro %}


{% macro refuse_unless_runs_are_whole(raw_dir) %}
    {% for directory in run_query('select directory from raw.build_runs where run_id is null or kind is null or tables is null').columns[0].values() %}
        {% do exceptions.raise_compiler_error(directory ~ '/run.json is no whole run.json: put it back, or delete the folder of this run and land its data again') %}
    {% endfor %}
    {% set gone %}
        select path, run_id from raw.build_files
        where path not in (select file from glob('{{ run_pattern(raw_dir) }}/*.parquet'))
        order by path asc nulls last
    {% endset %}
    {% for path, run_id in run_query(gone) %}
        {% do exceptions.raise_compiler_error(path ~ " is gone, and the run's run.json names it: put it back, or delete the folder of this run and land its data again") %}
    {% endfor %}
{% endmacro %}


{% macro raw_files() %}
    {% set files = {} %}
    {% for name, path in run_query('select name, path from raw.build_files order by name asc nulls last, first_ordinal asc nulls last') %}
        {% do files.setdefault(name, []).append(path) %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}


{% macro raw_view_sql(source, paths) %}
    create or replace view raw.{{ source.identifier }} as
    {% if paths %}
    select {% for column in source.columns %}
        {%- if column == '_ordinal' %}(file_index::bigint << 40) | _seq as _ordinal
        {%- else %}"{{ column }}"
        {%- endif %}{{ ', ' if not loop.last }}
    {%- endfor %}
    from read_parquet([{% for path in paths %}'{{ as_pattern(path) }}'{{ ', ' if not loop.last }}{% endfor %}], hive_partitioning = false)
    {% else %}
    select {% for column in source.columns.values() %}null::{{ column.data_type }} as "{{ column.name }}"{{ ', ' if not loop.last }}{% endfor %}
    where false
    {% endif %}
{% endmacro %}
