with events as (
    select * from {{ ref('int_activity__events') }}
    where event_domain = 'video'
)

select
    {{ event_columns() }},
    {{ block_id(json_text('event', ['id'])) }} as video_block_id,
    {{ blank_to_null(json_text('event', ['code'])) }} as video_code,
    {{ to_double(json_text('event', ['duration'])) }} as duration_s,
    {{ to_double(first_json_text('event', ['currentTime', 'current_time'])) }} as position_s,
    {{ to_double(json_text('event', ['old_time'])) }} as from_position_s,
    {{ to_double(json_text('event', ['new_time'])) }} as to_position_s,
    {{ to_double(json_text('event', ['old_speed'])) }} as from_speed,
    {{ to_double(json_text('event', ['new_speed'])) }} as to_speed
from events
