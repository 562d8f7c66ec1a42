{# Text with %XX escapes undone; null when they are not UTF-8. A '+' stays a '+'. #}
{% macro url_decode(text) -%}
    {{ return(adapter.dispatch('url_decode')(text)) }}
{%- endmacro %}

{% macro default__url_decode(text) -%}
    {{ unsupported_engine('url_decode') }}
{%- endmacro %}

{% macro duckdb__url_decode(text) -%}
    try(url_decode({{ text }}))
{%- endmacro %}

{% macro trino__url_decode(text) -%}
    try(url_decode(replace({{ text }}, '+', '%2B')))
{%- endmacro %}
