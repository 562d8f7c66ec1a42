{# True where the pattern matches somewhere in the text. #}
{% macro regexp_found(text, pattern) -%}
    {{ return(adapter.dispatch('regexp_found')(text, portable_pattern(pattern))) }}
{%- endmacro %}

{% macro default__regexp_found(text, pattern) -%}
    {{ unsupported_engine('regexp_found') }}
{%- endmacro %}

{% macro duckdb__regexp_found(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern }}')
{%- endmacro %}

{% macro trino__regexp_found(text, pattern) -%}
    regexp_like({{ text }}, '{{ pattern }}')
{%- endmacro %}
