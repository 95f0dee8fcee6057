{#
    NFC takes the square of the combining marks in a row, and a document has room for a minute of them. What is too long for it
    is too long to be published, whatever NFC would make of it: its characters become at most four times fewer.
#}
{% macro clean_tag(raw_value) -%}
    {%- set collapsed = with_single_spaces(raw_value) -%}
    lower(case when length({{ collapsed }}) > {{ max_nfc_length() }} then {{ collapsed }} else {{ to_nfc(collapsed) }} end)
{%- endmacro %}


{#
    RE2's `\s` is ASCII only and leaves out the vertical tab, so white space is spelt out: tab to carriage return,
    U+0085, and the separators of class Z. NFC makes no white space of anything else, and nothing else of white space.
#}
{% macro with_single_spaces(text) -%}
    trim(regexp_replace({{ text }}, '[\t-\r\x{85}\p{Z}\x{FEFF}]+', ' ', 'g'), ' ')
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


{% macro max_nfc_length() %}1000{% endmacro %}
