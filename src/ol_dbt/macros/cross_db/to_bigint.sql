{# The whole number a text says; null when it says none, or one with a fraction. #}
{% macro to_bigint(text) -%}
    {{ return(adapter.dispatch('to_bigint')(text)) }}
{%- endmacro %}

{% macro default__to_bigint(text) -%}
    {{ unsupported_engine('to_bigint') }}
{%- endmacro %}

{% macro duckdb__to_bigint(text) -%}
    case when regexp_full_match({{ text }}, '[+-]?[0-9]{1,18}') then cast({{ text }} as bigint) end
{%- endmacro %}

{% macro trino__to_bigint(text) -%}
    case when regexp_like({{ text }}, '^[+-]?[0-9]{1,18}\z') then cast({{ text }} as bigint) end
{%- endmacro %}
