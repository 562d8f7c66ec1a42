{#
    A model's schema is the layer's name alone, the same on every engine: `staging`, `intermediate`, `mart`. Where a
    profile names another schema than `main` (DBT_SCHEMA_SUFFIX), that is a person's suffix: `mart_ada`.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set suffix = '' if target.schema == 'main' else '_' ~ target.schema -%}
    {{ (custom_schema_name or 'main') | trim }}{{ suffix }}
{%- endmacro %}
