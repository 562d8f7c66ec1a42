{# A raw table's name without its catalog, for the reason given in ref.sql. #}
{% macro source() -%}
    {{ return(builtins.source(*varargs).include(database=false)) }}
{%- endmacro %}
