{#
    The SHA-256 of several columns as 64 hexadecimal digits. Every value is preceded by its length, and a null by a dash,
    so two different rows never give one text to hash.
#}
{% macro row_hash(columns) -%}
    {{ return(adapter.dispatch('row_hash')(columns)) }}
{%- endmacro %}

{% macro default__row_hash(columns) -%}
    {{ unsupported_engine('row_hash') }}
{%- endmacro %}

{% macro duckdb__row_hash(columns) -%}
    sha256(
        {%- for column in columns %}
        coalesce(length({{ column }}) || ':' || {{ column }}, '-'){{ " ||" if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{% macro trino__row_hash(columns) -%}
    lower(to_hex(sha256(to_utf8(
        {%- for column in columns %}
        coalesce(cast(length({{ column }}) as varchar) || ':' || {{ column }}, '-'){{ " ||" if not loop.last }}
        {%- endfor %}
    ))))
{%- endmacro %}
