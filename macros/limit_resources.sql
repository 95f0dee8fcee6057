{# Not in profiles.yml: there a wrong value fails with an error that names no setting, and another value has all parsed again. #}
{% macro limit_resources() %}
    {% if execute %}
        {% set memory, threads = setting('DUCKDB_MEMORY_LIMIT', '2500MB'), setting('DUCKDB_THREADS') %}
        {% set amount = modules.re.fullmatch(' *([0-9]+(?:[.][0-9]+)?) *(?:[mgt](?:i?b)?|(?:mega|giga|tera)bytes?) *', memory | lower) %}
        {% if not amount or amount.group(1) | float == 0 %}
            {% do wrong_setting('DUCKDB_MEMORY_LIMIT', memory, 'write a number and a unit, MB, GB or TB, as 2500MB') %}
        {% elif threads and (not modules.re.fullmatch(' *[0-9]{1,6} *', threads) or not 1 <= threads | int <= 1024) %}
            {% do wrong_setting('DUCKDB_THREADS', threads, 'write a whole number from 1 to 1024') %}
        {% endif %}
        {% do run_query("set global memory_limit = '" ~ memory ~ "'") %}
        {% if threads %}
            {% do run_query('set global threads = ' ~ (threads | int)) %}
        {% endif %}
    {% endif %}
{% endmacro %}
