with events as (
    select * from {{ ref('int_activity__events') }}
    where event_domain = 'discussion'
)

select
    {{ event_columns() }},
    {{ blank_to_null(json_text('event', ['id'])) }} as post_id,
    {{ blank_to_null(json_text('event', ['discussion', 'id'])) }} as thread_id,
    {{ blank_to_null(json_text('event', ['response', 'id'])) }} as response_id,
    {{ blank_to_null(json_text('event', ['commentable_id'])) }} as commentable_id,
    {{ blank_to_null(json_text('event', ['category_id'])) }} as category_id,
    {{ blank_to_null(json_text('event', ['thread_type'])) }} as thread_type
from events
