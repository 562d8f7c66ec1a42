with events as (
    select * from {{ ref('int_activity__events') }}
    where course_run_id is not null
)

select
    platform,
    username,
    course_run_id,
    event_date,
    count(*) as event_count,
    count(case when event_domain = 'video' then 1 end) as video_event_count,
    count(case when event_domain = 'problem' then 1 end) as problem_event_count,
    count(case when event_domain = 'discussion' then 1 end) as discussion_event_count,
    count(case when event_domain = 'navigation' then 1 end) as navigation_event_count,
    min(occurred_at) as first_event_at,
    max(occurred_at) as last_event_at
from events
group by platform, username, course_run_id, event_date
