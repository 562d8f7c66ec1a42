-- int_course__outline climbs twelve steps: blocks below that would have no chapter.
{{ config(severity='warn') }}

select
    platform,
    course_run_id,
    max(depth) as deepest
from {{ ref('stg_openedx__course_outline') }}
group by platform, course_run_id
having max(depth) > 12
