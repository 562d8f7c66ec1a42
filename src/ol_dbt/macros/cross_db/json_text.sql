{#
    The scalar at a path of JSON text, as text; null where there is none, where it is null, an object or a list, or where
    the text is not JSON. `path` is a list of keys: json_text('context', ['module', 'usage_key']).

    A number with a fraction or an exponent is spelled as short as it can be, whoever wrote it: `1.50` is 1.5, `1e3` is
    1000.0, and 1e-7 and smaller and 1e21 and larger keep an exponent. Of a key that is there twice, the first counts.
#}
{% macro json_text(json, path) -%}
    {{ return(adapter.dispatch('json_text')(json, path)) }}
{%- endmacro %}

{% macro default__json_text(json, path) -%}
    {{ unsupported_engine('json_text') }}
{%- endmacro %}

{% macro duckdb__json_text(json, path) -%}
    {%- set at = "'$.\"" ~ (path | join('"."')) ~ "\"'" -%}
    {#- DuckDB takes a comma before a closing bracket, and NaN. Texts that may have one, which is told quickly, are looked
        at without their strings. -#}
    {%- set suspects = ['NaN', 'nan', 'Inf', 'inf', 'NAN', 'INF'] -%}
    case
        when try(json_type({{ json }}, {{ at }})) in ('OBJECT', 'ARRAY') then null
        when
            (
                regexp_matches({{ json }}, ',\s*[\]}]')
                {%- for suspect in suspects %} or contains({{ json }}, '{{ suspect }}') {%- endfor %}
            )
            and regexp_matches(
                regexp_replace({{ json }}, '"(?:[^"\\]|\\.)*"', '', 'g'), '(?i),\s*[\]}]|nan|inf'
            )
            then null
        else try(json_extract_string({{ json }}, {{ at }}))
    end
{%- endmacro %}

{% macro trino__json_text(json, path) -%}
    {%- set at = "'$[\"" ~ (path | join('"]["')) ~ "\"]'" -%}
    {%- set number = '^(-0|-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?)\\z' -%}
    case
        {#- json_extract_scalar stops at what it wants, and does not see what is wrong after it. #}
        when try(json_parse({{ json }})) is null then null
        {#- Half of a surrogate pair is no text; Trino makes it a question mark. #}
        when
            regexp_like({{ json }}, '\\u[dD]')
            and regexp_like(
                regexp_replace({{ json }}, '\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', ''),
                '\\u[dD][89a-fA-F]'
            )
            then null
        else
            element_at(
                transform(
                    array[json_extract_scalar({{ json }}, {{ at }})],
                    token -> case
                        when
                            regexp_like(token, '{{ number }}') and not regexp_like(token, '^(0|-?[1-9][0-9]*)\z')
                            and not starts_with(json_format(json_extract({{ json }}, {{ at }})), '"')
                            then {{ trino_number_text('token') }}
                        else token
                    end
                ),
                1
            )
    end
{%- endmacro %}

{#
    A JSON number of any spelling as DuckDB spells it. Trino's own text of a double has the same shortest digits and
    always an exponent: `1.504567890123E9`. `point` is the place of the decimal point among the digits.
#}
{% macro trino_number_text(token) -%}
    {%- set spelled = "cast(abs(cast(" ~ token ~ " as double)) as varchar)" -%}
    {%- set digits = "trim(trailing '0' from replace(split_part(" ~ spelled ~ ", 'E', 1), '.', ''))" -%}
    {%- set point = "(cast(split_part(" ~ spelled ~ ", 'E', 2) as integer) + 1)" -%}
    case
        when {{ token }} = '-0' then '0'
        when is_infinite(cast({{ token }} as double)) then {{ token }}
        else
            if(starts_with({{ token }}, '-'), '-', '')
            || case
                when cast({{ token }} as double) = 0 then '0.0'
                when {{ point }} between 1 and 21
                    then
                        rpad(substr({{ digits }}, 1, {{ point }}), {{ point }}, '0') || '.'
                        || coalesce(nullif(substr({{ digits }}, {{ point }} + 1), ''), '0')
                when {{ point }} between -5 and 0 then '0.' || rpad('', -{{ point }}, '0') || {{ digits }}
                else
                    substr({{ digits }}, 1, 1)
                    || coalesce('.' || nullif(substr({{ digits }}, 2), ''), '')
                    || 'e' || cast({{ point }} - 1 as varchar)
            end
    end
{%- endmacro %}
