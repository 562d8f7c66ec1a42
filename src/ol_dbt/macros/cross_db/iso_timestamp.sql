{#
    The time an ISO 8601 text says, as timestamp(6) in UTC; a text without a zone is UTC already. Null when it says none.
    Read are `2015-07-17T12:00`, a blank for the T, seconds and fractions, `Z`, `+00:00`, `+0000`, and a date alone, from
    the year 1000 to 2999. Digits after the sixth of a fraction are dropped. Each engine reads more than this, and each
    something else (`epoch`, `2015-W29`, 24:00), so the form is checked before.
#}
{% macro iso_timestamp(text) -%}
    {{ return(adapter.dispatch('iso_timestamp')(text)) }}
{%- endmacro %}

{% macro iso_timestamp_form() -%}
    {%- set time = '([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?' -%}
    {%- set zone = '[zZ]|[+-]((0[0-9]|1[0-3]):?[0-5][0-9]|14:?00)' -%}
    ^[12][0-9]{3}-[0-9]{2}-[0-9]{2}([T ]{{ time }}({{ zone }})?)?\z
{%- endmacro %}

{% macro default__iso_timestamp(text) -%}
    {{ unsupported_engine('iso_timestamp') }}
{%- endmacro %}

{% macro duckdb__iso_timestamp(text) -%}
    case
        when regexp_matches({{ text }}, '{{ iso_timestamp_form() }}')
            then
                case
                    when regexp_matches({{ text }}, ':.*([zZ]|[+-][0-9]{2}:?[0-9]{2})\z')
                        then timezone('UTC', try_cast(upper({{ text }}) as timestamp with time zone))
                    else try_cast({{ text }} as timestamp)
                end
    end
{%- endmacro %}

{% macro trino__iso_timestamp(text) -%}
    case
        when regexp_like({{ text }}, '{{ iso_timestamp_form() }}')
            then
                cast(
                    try(
                        from_iso8601_timestamp_nanos(
                            substr({{ text }}, 1, 10) || 'T'
                            -- Six digits: the cast to timestamp(6) would round the others up.
                            || coalesce(
                                regexp_extract({{ text }}, '^.{11}([0-9:]+([.][0-9]{1,6})?)', 1), '00:00'
                            )
                            || coalesce(
                                upper(
                                    regexp_replace(
                                        regexp_extract({{ text }}, ':.*([zZ]|[+-][0-9]{2}:?[0-9]{2})\z', 1),
                                        '^(.{3}):?([0-9]{2})\z', '$1:$2'
                                    )
                                ),
                                'Z'
                            )
                        )
                    ) at time zone 'UTC' as timestamp(6)
                )
    end
{%- endmacro %}
