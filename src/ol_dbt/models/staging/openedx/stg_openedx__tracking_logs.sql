{{ config(materialized='view') }}

with lines as (
    select * from {{ ref('base_openedx__parsed_tracking_logs') }}
),

repeated as (
    select * from {{ ref('base_openedx__repeated_events') }}
)

select
    lines.event_id,
    lines.platform,
    lines.username,
    lines.openedx_user_id,
    lines.course_run_id,
    lines.occurred_at,
    lines.event_source,
    lines.event_type,
    lines.name,
    lines.event,
    lines.context,
    lines.page,
    lines.session_id,
    lines.ip,
    lines.host,
    lines.agent,
    lines.accept_language,
    lines.referer,
    lines.extra,
    lines.source_file,
    lines.line_number,
    coalesce(repeated.delivered_count, 1) as delivered_count
from lines
left join repeated on lines.event_id = repeated.event_id
-- Files overlap: of an event that was delivered several times, the first line is kept.
where
    repeated.event_id is null
    or (
        lines.source_file = repeated.source_file
        and lines.line_number = repeated.line_number
        and lines._object_key = repeated._object_key
    )
