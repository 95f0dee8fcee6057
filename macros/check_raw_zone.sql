{# A run's file that was cut, or says only its id, would be an error of JSON without a name, or a run without tables. #}
{% macro check_run_files(run_files) %}
    {% set broken %}
        select filename
        from (select filename, try_cast(content as json) as run from read_text('{{ run_files }}'))
        where run ->> '$.run_id' is null
           or json_type(run -> '$.tables') is distinct from 'ARRAY'
           or try_cast(run ->> '$.finished_at' as timestamptz) is null
        order by filename
    {% endset %}
    {% for path in run_query(broken).columns[0].values() %}
        {% do exceptions.raise_compiler_error(
            path ~ " isn't a whole run.json: restore it, or delete its folder and land that again with python -m extract load PATH"
        ) %}
    {% endfor %}
{% endmacro %}


{#
    A file that is gone would be an IO error of DuckDB's. What isn't there at all is taken as empty, and `print` says so with
    `--quiet` too, which keeps warnings back.
#}
{% macro check_raw_files(raw_dir) %}
    {% set lacking %}
        select run_id, parse_filename(path) as file
        from raw.build_files
        where path not in ({{ parquet_files() }})
        order by run_id, file
    {% endset %}
    {% for run_id, file in run_query(lacking) %}
        {% do exceptions.raise_compiler_error(
            "Run " ~ run_id ~ " in " ~ raw_dir ~ " lacks its file " ~ file ~ ": restore it. Where it is lost, delete the run's folder, "
            ~ "and land that again: python -m extract load PATH, or extract sync --full"
        ) %}
    {% endfor %}
    {% if not flags.EMPTY %}
        {% do tell_what_is_missing(raw_dir) %}
    {% endif %}
{% endmacro %}


{% macro tell_what_is_missing(raw_dir) %}
    {% set held = run_query('select distinct name from raw.build_files').columns[0].values() %}
    {% set missing = [] %}
    {% for source in graph.sources.values() if source.source_name == 'raw' and source.name not in ['build_runs', 'rejected_lines'] %}
        {% do missing.append(source.name) if source.name not in held %}
    {% endfor %}
    {% if not held %}
        {% do print("No run has landed in " ~ raw_dir ~ ": every table is taken as empty. Land one with: python -m extract load PATH") %}
    {% elif missing and flags.QUIET %}
        {% do print("No run in " ~ raw_dir ~ " holds " ~ missing | sort | join(', ') ~ ": taken as empty") %}
    {% endif %}
{% endmacro %}


{# As a subquery: the files that are there, of the folders that hold runs. A folder's name is no pattern. #}
{% macro parquet_files() %}
    {% set folders = run_query("select distinct regexp_replace(directory, '/[^/]*$', '') from raw.build_runs").columns[0].values() %}
    {% for folder in folders %}
        {%- set plain = folder | replace('[', '[[]') | replace('*', '[*]') | replace('?', '[?]') | replace("'", "''") -%}
        select file from glob('{{ plain }}/*/*.parquet'){{ ' union all ' if not loop.last }}
    {% else %}
        select null::varchar as file where false
    {% endfor %}
{% endmacro %}
