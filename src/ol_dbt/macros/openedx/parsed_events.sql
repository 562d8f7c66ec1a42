{#
    The CTEs that read lines of tracking logs; the last one is `parsed`. All that is costly to do with a line is here, and
    a change of anything in it has every line read again (`rules_version`).
#}
{% macro parsed_events(lines) -%}
{%- set id_sources = ['context_course_id', 'event_course_id', 'event_type_url', 'page_url', 'context_path_url'] -%}
-- Where a course run may be named, in the order they are trusted.
named as (
    select
        *,
        {{ row_hash([
            'platform', time_text('time'), 'username', 'event_source', 'event_type', 'name', 'event', 'context', 'page',
            'session', 'ip', 'host', 'agent', 'accept_language', 'referer', 'extra',
        ]) }} as event_id,
        {{ url_decode(json_text('context', ['course_id'])) }} as context_course_id,
        {{ url_decode(json_text('event', ['course_id'])) }} as event_course_id,
        {{ course_run_id_in_url(url_decode('event_type')) }} as event_type_url,
        {{ course_run_id_in_url(url_decode('page')) }} as page_url,
        {{ course_run_id_in_url(url_decode(json_text('context', ['path']))) }} as context_path_url
    from {{ lines }}
),

tidied as (
    select
        {%- for id in id_sources %}
        {{ tidy_course_run_id(id) }} as tidy_{{ id }},
        {%- endfor %}
        *
    from named
),

parsed as (
    select
        event_id,
        platform,
        {{ blank_to_null('username') }} as username,
        {{ to_bigint(json_text('context', ['user_id'])) }} as openedx_user_id,
        coalesce(
            {%- for id in id_sources %}
            {{ valid_course_run_id('tidy_' ~ id) }}{{ "," if not loop.last }}
            {%- endfor %}
        ) as course_run_id,
        time as occurred_at,
        {{ blank_to_null('event_source') }} as event_source,
        {{ blank_to_null('event_type') }} as event_type,
        {{ blank_to_null('name') }} as name,
        event,
        context,
        {{ blank_to_null('page') }} as page,
        {{ blank_to_null('session') }} as session_id,
        {{ blank_to_null('ip') }} as ip,
        {{ blank_to_null('host') }} as host,
        {{ blank_to_null('agent') }} as agent,
        {{ blank_to_null('accept_language') }} as accept_language,
        {{ blank_to_null('referer') }} as referer,
        extra,
        source_file,
        line_number,
        _object_key,
        _loaded_at
    from tidied
)
{%- endmacro %}
