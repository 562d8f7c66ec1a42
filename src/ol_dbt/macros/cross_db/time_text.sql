{# A timestamp as `YYYY-MM-DD HH:MM:SS.ffffff`, always six digits, for hashing and for reading. #}
{% macro time_text(timestamp) -%}
    {{ return(adapter.dispatch('time_text')(timestamp)) }}
{%- endmacro %}

{% macro default__time_text(timestamp) -%}
    {{ unsupported_engine('time_text') }}
{%- endmacro %}

{% macro duckdb__time_text(timestamp) -%}
    strftime({{ timestamp }}, '%Y-%m-%d %H:%M:%S.%f')
{%- endmacro %}

{% macro trino__time_text(timestamp) -%}
    cast(cast({{ timestamp }} as timestamp(6)) as varchar)
{%- endmacro %}
