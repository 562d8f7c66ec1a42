with lines as (
    select
        event_id,
        source_file,
        line_number,
        _object_key
    from {{ ref('base_openedx__parsed_tracking_logs') }}
),

repeated as (
    select
        event_id,
        count(*) as delivered_count
    from lines
    group by event_id
    having count(*) > 1
),

ranked as (
    select
        lines.*,
        repeated.delivered_count,
        row_number() over (
            partition by lines.event_id order by lines.source_file, lines.line_number, lines._object_key
        ) as place
    from lines
    inner join repeated on lines.event_id = repeated.event_id
)

select
    event_id,
    source_file,
    line_number,
    _object_key,
    delivered_count
from ranked
where place = 1
