{%- set id_sources = ['context_course_id', 'event_course_id', 'event_type_url', 'page_url', 'context_path_url'] %}

with source as (
    select * from {{ ref('base_openedx__tracking_logs') }}
),

hashed as (
    select
        *,
        {{ row_hash([
            'platform', time_text('time'), 'username', 'event_source', 'event_type', 'name', 'event', 'context', 'page',
            'session', 'ip', 'host', 'agent', 'accept_language', 'referer', 'extra',
        ]) }} as event_key
    from source
),

-- Files overlap: the same event may have been delivered several times, and the first place it was seen in is kept.
ranked as (
    select
        *,
        row_number() over (partition by event_key order by source_file, line_number) as place,
        count(*) over (partition by event_key) as delivered_count
    from hashed
),

deduplicated as (
    select * from ranked
    where place = 1
),

-- Where a course run may be named, in the order they are trusted.
named as (
    select
        *,
        {{ url_decode(json_text('context', ['course_id'])) }} as context_course_id,
        {{ url_decode(json_text('event', ['course_id'])) }} as event_course_id,
        {{ course_run_id_in_url(url_decode('event_type')) }} as event_type_url,
        {{ course_run_id_in_url(url_decode('page')) }} as page_url,
        {{ course_run_id_in_url(url_decode(json_text('context', ['path']))) }} as context_path_url
    from deduplicated
),

tidied as (
    select
        {%- for id in id_sources %}
        {{ tidy_course_run_id(id) }} as tidy_{{ id }},
        {%- endfor %}
        *
    from named
),

renamed as (
    select
        event_key as event_id,
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
        delivered_count
    from tidied
)

select * from renamed
