{# The part of the first match that a group caught; null where nothing matches or nothing was caught. #}
{% macro regexp_group(text, pattern, group=1) -%}
    {{ return(adapter.dispatch('regexp_group')(text, portable_pattern(pattern), group)) }}
{%- endmacro %}

{% macro default__regexp_group(text, pattern, group) -%}
    {{ unsupported_engine('regexp_group') }}
{%- endmacro %}

{% macro duckdb__regexp_group(text, pattern, group) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro %}

{% macro trino__regexp_group(text, pattern, group) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro %}
