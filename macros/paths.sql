{# Set but empty is unset, as in Python. #}
{% macro setting(name, default='') -%}
    {{- env_var(name, '') or default -}}
{%- endmacro %}


{% macro path_setting(name, default) -%}
    {%- set path = setting(name, default) -%}
    {%- do refuse_other_home(name, path) -%}
    {{- env_var('HOME') ~ path[1:] if path.startswith('~') else path -}}
{%- endmacro %}


{% macro refuse_other_home(name, path) %}
    {% if path.startswith('~') and path != '~' and not path.startswith('~/') %}
        {% do wrong_setting(name, path, 'of ~ only ~/ is known, your own home directory: write the path from / on') %}
    {% endif %}
{% endmacro %}


{% macro wrong_setting(name, value, problem) %}
    {% do exceptions.raise_compiler_error(name ~ '=' ~ value ~ ': ' ~ problem) %}
{% endmacro %}


{# What DuckDB would take for a pattern stands in brackets. It knows no escape: a backslash parts folders in a pattern. #}
{% macro as_pattern(path) -%}
    {{- modules.re.sub('([*?[])', '[\\1]', path) | replace("'", "''") -}}
{%- endmacro %}


{#
    dbt-duckdb and DuckDB each name the database after its file, and they have to agree. DuckDB has other uses for some names, and
    takes what stands before a colon for a protocol. Here, for dbt calls this macro before it connects; profiles.yml can only fail
    with an error of dbt's.
#}
{% macro duckdb__generate_database_name(custom_database_name=none, node=none) -%}
    {%- do refuse_unless_database_path(setting('DUCKDB_PATH', 'data/build.duckdb')) -%}
    {{- (custom_database_name or target.database) | trim -}}
{%- endmacro %}


{% macro refuse_unless_database_path(path) %}
    {% set name = path.split('/')[-1].lstrip('.').split('.')[0] %}
    {% do refuse_other_home('DUCKDB_PATH', path) %}
    {% if not name %}
        {% do wrong_setting('DUCKDB_PATH', path, 'it names no file: write one as data/build.duckdb') %}
    {% elif ':' in path.split('/')[0] %}
        {% do wrong_setting('DUCKDB_PATH', path, 'the database is a file on this machine: write its path, from / or ./ on if it has a colon') %}
    {% elif '?' in path or '#' in path %}
        {% do wrong_setting('DUCKDB_PATH', path, 'dbt takes what follows ? or # for no part of a path: choose another place') %}
    {% elif '?' in (flags.PROJECT_DIR | string) and not path.startswith(('/', '~')) %}
        {% do wrong_setting('DUCKDB_PATH', path, 'DuckDB can write no database below a folder with a ? in its name: move the project, or choose a path from / on') %}
    {% elif not modules.re.fullmatch('[\\w +-]+', name) %}
        {% do wrong_setting('DUCKDB_PATH', path, "a database's name has letters, digits, spaces, _, + and - up to the first dot: choose another, as build.duckdb") %}
    {% elif name | lower in ['information_schema', 'internal', 'main', 'memory', 'raw', 'system', 'temp', 'test_failures'] %}
        {% do wrong_setting('DUCKDB_PATH', path, 'DuckDB, or this project, has another use for the name ' ~ name ~ ': choose another, as build.duckdb') %}
    {% endif %}
{% endmacro %}
