{{ config(meta={'dagster': {'ref': {'name': 'fct_activity__course_day'}}}) }}

-- The days add up to all events that belong to a course run.
with days as (
    select coalesce(sum(event_count), 0) as event_count from {{ ref('fct_activity__course_day') }}
),

events as (
    select count(course_run_id) as event_count from {{ ref('int_activity__events') }}
)

select
    days.event_count,
    events.event_count as expected_count
from days
cross join events
where days.event_count <> events.event_count
