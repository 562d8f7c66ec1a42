{#
    The number a text says, double precision; null when it says none. White space at the ends is passed over. The form is
    checked before: engines also read `1_000`, `1d`, `inf` or hexadecimals, each its own ones.
#}
{% macro to_double(text) -%}
    {{ return(adapter.dispatch('to_double')(text)) }}
{%- endmacro %}

{% macro default__to_double(text) -%}
    {{ unsupported_engine('to_double') }}
{%- endmacro %}

{% macro duckdb__to_double(text) -%}
    case
        when regexp_matches({{ strip(text) }}, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z')
            then try_cast({{ strip(text) }} as double)
    end
{%- endmacro %}

{% macro trino__to_double(text) -%}
    case
        when regexp_like({{ strip(text) }}, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z')
            then try_cast({{ strip(text) }} as double)
    end
{%- endmacro %}
