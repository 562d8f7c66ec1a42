{# The text without every match of the pattern. #}
{% macro regexp_removed(text, pattern) -%}
    {{ return(adapter.dispatch('regexp_removed')(text, portable_pattern(pattern))) }}
{%- endmacro %}

{% macro default__regexp_removed(text, pattern) -%}
    {{ unsupported_engine('regexp_removed') }}
{%- endmacro %}

{% macro duckdb__regexp_removed(text, pattern) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '', 'g')
{%- endmacro %}

{% macro trino__regexp_removed(text, pattern) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '')
{%- endmacro %}
