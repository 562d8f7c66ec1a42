{{ config(meta={'dagster': {'ref': {'name': 'int_activity__events'}}}) }}

-- Read = kept + filtered, for every platform and day.
with staged as (
    select
        platform,
        cast(occurred_at as date) as event_date,
        count(*) as event_count
    from {{ ref('stg_openedx__tracking_logs') }}
    group by 1, 2
),

accounted as (
    select
        platform,
        event_date,
        count(*) as event_count
    from {{ ref('int_activity__events') }}
    group by 1, 2
    union all
    select
        platform,
        event_date,
        event_count
    from {{ ref('int_activity__filtered_events') }}
),

kept_or_filtered as (
    select
        platform,
        event_date,
        sum(event_count) as event_count
    from accounted
    group by 1, 2
)

select
    staged.platform,
    staged.event_date,
    staged.event_count,
    kept_or_filtered.event_count as accounted_count
from staged
full outer join kept_or_filtered
    on staged.platform = kept_or_filtered.platform and staged.event_date = kept_or_filtered.event_date
where staged.event_count is distinct from kept_or_filtered.event_count
