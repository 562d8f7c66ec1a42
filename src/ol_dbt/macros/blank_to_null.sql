{# Text without white space at either end, and null instead of nothing. #}
{% macro blank_to_null(text) -%}
    nullif({{ strip(text) }}, '')
{%- endmacro %}
