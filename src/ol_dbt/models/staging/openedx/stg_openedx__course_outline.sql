with source as (
    {{ union_platforms('course_outline') }}
)

select
    platform,
    course_id as course_run_id,
    usage_key,
    parent_usage_key,
    position,
    depth,
    type as block_type,
    {{ blank_to_null('title') }} as title
from source
