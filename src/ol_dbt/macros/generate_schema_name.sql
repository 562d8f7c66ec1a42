{# A model's schema is the layer's name alone, the same on every engine: `staging`, `intermediate`, `mart`. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
