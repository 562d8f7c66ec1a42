{#
    The time an ISO 8601 text says, as timestamp(6) in UTC; a text without a zone is UTC already. Null when it says none.
    Read are `2015-07-17T12:00`, a blank for the T, seconds and fractions, `Z`, `+00:00`, `+0000`, and a date alone.
#}
{% macro iso_timestamp(text) -%}
    {{ return(adapter.dispatch('iso_timestamp')(text)) }}
{%- endmacro %}

{% macro default__iso_timestamp(text) -%}
    {{ unsupported_engine('iso_timestamp') }}
{%- endmacro %}

{% macro duckdb__iso_timestamp(text) -%}
    case
        when regexp_matches({{ text }}, '[0-9]([zZ]|[+-][0-9]{2}:?[0-9]{2})$') and regexp_matches({{ text }}, ':')
            then timezone('UTC', try_cast({{ text }} as timestamp with time zone))
        else try_cast({{ text }} as timestamp)
    end
{%- endmacro %}

{% macro trino__iso_timestamp(text) -%}
    {#- from_iso8601_timestamp_nanos wants a T and reads a text without a zone in the session's. -#}
    {%- set iso = "replace(" ~ text ~ ", ' ', 'T')" -%}
    cast(
        try(
            from_iso8601_timestamp_nanos(
                case
                    when regexp_like({{ iso }}, ':.*([zZ]|[+-][0-9]{2}:?[0-9]{2})$') then {{ iso }}
                    when regexp_like({{ iso }}, 'T') then {{ iso }} || 'Z'
                    else {{ iso }} || 'T00:00Z'
                end
            )
        ) at time zone 'UTC' as timestamp(6)
    )
{%- endmacro %}
