{# Text without white space at either end: blanks, tabs, line ends. #}
{% macro strip(text) -%}
    {{ return(adapter.dispatch('strip')(text)) }}
{%- endmacro %}

{% macro default__strip(text) -%}
    {{ unsupported_engine('strip') }}
{%- endmacro %}

{% macro duckdb__strip(text) -%}
    trim({{ text }}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))
{%- endmacro %}

{% macro trino__strip(text) -%}
    regexp_replace({{ text }}, '^[ \t\n\x0B\f\r]+|[ \t\n\x0B\f\r]+\z', '')
{%- endmacro %}
