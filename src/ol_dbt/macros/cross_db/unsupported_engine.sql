{# What a function says on an engine it has no form for: better no answer than another one. #}
{% macro unsupported_engine(function) -%}
    {{ exceptions.raise_compiler_error("macros/cross_db/" ~ function ~ ".sql has no form for the engine " ~ target.type) }}
{%- endmacro %}
