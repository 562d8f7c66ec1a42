{# The number a text says, double precision; null when it says none. #}
{% macro to_double(text) -%}
    {{ return(adapter.dispatch('to_double')(text)) }}
{%- endmacro %}

{% macro default__to_double(text) -%}
    {{ unsupported_engine('to_double') }}
{%- endmacro %}

{% macro duckdb__to_double(text) -%}
    try_cast({{ strip(text) }} as double)
{%- endmacro %}

{% macro trino__to_double(text) -%}
    try_cast({{ strip(text) }} as double)
{%- endmacro %}
