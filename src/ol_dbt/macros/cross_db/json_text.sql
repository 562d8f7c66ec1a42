{#
    The scalar at a path of JSON text, as text; null where there is none, where it is null, an object or a list, or where
    the text is not JSON. `path` is a list of keys: json_text('context', ['module', 'usage_key']).
#}
{% macro json_text(json, path) -%}
    {{ return(adapter.dispatch('json_text')(json, path)) }}
{%- endmacro %}

{% macro default__json_text(json, path) -%}
    {{ unsupported_engine('json_text') }}
{%- endmacro %}

{% macro duckdb__json_text(json, path) -%}
    {%- set at = "'$.\"" ~ (path | join('"."')) ~ "\"'" -%}
    case
        when try(json_type({{ json }}, {{ at }})) not in ('OBJECT', 'ARRAY')
            then json_extract_string({{ json }}, {{ at }})
    end
{%- endmacro %}

{% macro trino__json_text(json, path) -%}
    try(json_extract_scalar({{ json }}, '$["{{ path | join('"]["') }}"]'))
{%- endmacro %}
