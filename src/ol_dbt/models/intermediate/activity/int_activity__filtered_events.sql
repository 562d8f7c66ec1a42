select
    platform,
    cast(occurred_at as date) as event_date,
    'blank_username' as reason,
    count(*) as event_count
from {{ ref('stg_openedx__tracking_logs') }}
where username is null
group by 1, 2
