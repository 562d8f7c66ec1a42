with outline as (
    select * from {{ ref('int_course__outline') }}
),

blocks as (
    select * from {{ ref('stg_openedx__course_blocks') }}
)

select
    outline.platform,
    outline.course_run_id,
    outline.usage_key,
    outline.parent_usage_key,
    outline.block_type,
    outline.block_id,
    outline.title,
    outline.depth,
    outline.position,
    outline.reading_order,
    outline.chapter_usage_key,
    outline.chapter_title,
    outline.sequential_usage_key,
    outline.sequential_title,
    blocks.edx_video_id,
    blocks.video_duration_s,
    blocks.max_attempts,
    blocks.weight
from outline
left join blocks
    on
        outline.platform = blocks.platform
        and outline.course_run_id = blocks.course_run_id
        and outline.block_type = blocks.block_type
        and outline.block_id = blocks.block_id
