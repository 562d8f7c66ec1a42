with events as (
    select * from {{ ref('int_activity__events') }}
    where event_domain = 'navigation'
)

select
    {{ event_columns() }},
    {{ block_id(json_text('event', ['id'])) }} as block_id,
    {{ to_bigint(first_json_text('event', ['current_tab', 'old'])) }} as from_tab,
    {{ to_bigint(first_json_text('event', ['target_tab', 'new'])) }} as to_tab,
    {{ to_bigint(json_text('event', ['tab_count'])) }} as tab_count,
    {{ blank_to_null(json_text('event', ['current_url'])) }} as current_url,
    {{ blank_to_null(json_text('event', ['target_url'])) }} as target_url
from events
