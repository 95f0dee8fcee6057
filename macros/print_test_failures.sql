{#
    Says of each data test that failed which rule is broken, how to mend it and by which rows; dbt itself gives only their
    number. Of a model that its own unit test could not run it names the file; dbt names the page that the test is on. The rule is the description of the test. Five rows are shown, each value in up to 60 characters, and what would
    steer a terminal or turn its text around as U+FFFD. `print` shows with `--quiet` too.
#}
{% macro print_test_failures(results) %}
    {% if execute %}
        {% do tell_broken_models(results) %}
        {% for result in results if result.status == 'fail' and result.node.resource_type == 'test' %}
            {% set test = result.node %}
            {% set lines = ['Broken rule: ' ~ test.name ~ ' (' ~ test.original_file_path ~ ')'] %}
            {% if test.description %}
                {% do lines.append('  ' ~ test.description | trim | replace('\n', ' ')) %}
            {% endif %}
            {% if test.relation_name %}
                {% set first_rows %}
                    select regexp_replace(columns(*)::varchar, '[\p{Cc}\x{202A}-\x{202E}\x{2066}-\x{2069}]', '�', 'g')
                    from {{ test.relation_name }} order by all asc nulls last limit 5
                {% endset %}
                {% for row in run_query(first_rows).rows %}
                    {% set values = [] %}
                    {% for name, value in row.items() %}
                        {% do values.append(name ~ ': ' ~ ('null' if value is none else (value | string)[:60])) %}
                    {% endfor %}
                    {% do lines.append('    ' ~ values | join(', ')) %}
                {% endfor %}
                {% if result.failures > 5 %}
                    {% do lines.append('    and ' ~ (result.failures - 5) ~ ' more: select * from ' ~ test.relation_name | replace('"', '')) %}
                {% endif %}
            {% endif %}
            {% do print('\n' ~ lines | join('\n')) %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{% macro tell_broken_models(results) %}
    {% for result in results if result.status == 'error' and result.node.resource_type == 'unit_test' %}
        {% set model = graph.nodes.get('model.' ~ project_name ~ '.' ~ result.node.model) %}
        {% if model %}
            {% set lines = ['Broken model: ' ~ model.name ~ ' (' ~ model.original_file_path ~ '). Its unit test ' ~ result.node.name ~ ' could not run it'] %}
            {% for line in (result.message | string).splitlines() if ' Error: ' in line %}
                {% do lines.append('  ' ~ line | trim) %}
            {% endfor %}
            {% do lines.append('  LINE n is a line of the compiled SQL: dbt compile --select ' ~ model.name) %}
            {% do print('\n' ~ lines | join('\n')) %}
        {% endif %}
    {% endfor %}
{% endmacro %}
