{#
    Text with %XX escapes undone. A '+' stays a '+', and a '%' that begins no escape stays one. Null when the escapes are
    not UTF-8, or hold the sign that stands for what once was not (U+FFFD).
#}
{% macro url_decode(text) -%}
    {{ return(adapter.dispatch('url_decode')(text)) }}
{%- endmacro %}

{% macro default__url_decode(text) -%}
    {{ unsupported_engine('url_decode') }}
{%- endmacro %}

{% macro duckdb__url_decode(text) -%}
    {%- set decoded = 'try(url_decode(' ~ text ~ '))' -%}
    case when not contains({{ decoded }}, chr(65533)) then {{ decoded }} end
{%- endmacro %}

{% macro trino__url_decode(text) -%}
    {#- It makes a blank of a plus, fails on a lone percent sign, and replaces what is not UTF-8. -#}
    {%- set escaped = "regexp_replace(replace(" ~ text ~ ", '+', '%2B'), '%(?![0-9a-fA-F]{2})', '%25')" -%}
    {%- set decoded = 'url_decode(' ~ escaped ~ ')' -%}
    case when strpos({{ decoded }}, chr(65533)) = 0 then {{ decoded }} end
{%- endmacro %}
