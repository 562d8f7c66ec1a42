{# The first of several top-level keys of JSON text that has a scalar: names differ with the age of the writer. #}
{% macro first_json_text(json, keys) -%}
    coalesce(
        {%- for key in keys %}
        {{ json_text(json, [key]) }}{{ "," if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
