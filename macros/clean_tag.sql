{#
    RE2's `\s` is ASCII only and leaves out the vertical tab, so white space is spelt out: tab to carriage return,
    U+0085, and the separators of class Z.
#}
{% macro clean_tag(raw_value) -%}
    lower(trim(regexp_replace({{ to_nfc(raw_value) }}, '[\t-\r\x{85}\p{Z}\x{FEFF}]+', ' ', 'g'), ' '))
{%- endmacro %}


{#
    DuckDB's `nfc_normalize` (seen in 1.5 and 2.0) drops all that follows the first NUL of a text that isn't
    ASCII, so such a text is normalised between its NULs, with which nothing composes.
#}
{% macro to_nfc(text) -%}
    case
        when contains({{ text }}, chr(0))
            then array_to_string(
                list_transform(string_split({{ text }}, chr(0)), lambda part: nfc_normalize(part)), chr(0)
            )
        else nfc_normalize({{ text }})
    end
{%- endmacro %}


{% macro is_fragment(tag) -%}
    regexp_matches({{ tag }}, '[\[\]{}]|["''] *[:,]|[:,] *"')
{%- endmacro %}


{% macro max_tag_length() %}100{% endmacro %}
