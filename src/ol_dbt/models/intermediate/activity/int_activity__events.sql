{{ config(materialized='view') }}

with events as (
    select * from {{ ref('stg_openedx__tracking_logs') }}
    -- What was done without an account belongs to no learner; int_activity__filtered_events counts it.
    where username is not null
),

named as (
    select
        *,
        {{ canonical_event_name('name', 'event_type') }} as event_name
    from events
)

select
    event_id,
    platform,
    username,
    openedx_user_id,
    course_run_id,
    occurred_at,
    cast(occurred_at as date) as event_date,
    event_name,
    {{ event_domain('event_name', 'event_source') }} as event_domain,
    event_source,
    event,
    context,
    page
from named
