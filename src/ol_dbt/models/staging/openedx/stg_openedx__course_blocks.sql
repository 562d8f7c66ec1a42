with source as (
    select * from {{ ref('base_openedx__course_xml_blocks') }}
),

-- Two files of one folder may give their block the same name; the first in the archive's order of paths is the block.
ranked as (
    select
        *,
        row_number() over (partition by platform, course_id, block_type, block_id order by xml_path) as place
    from source
)

select
    platform,
    course_id as course_run_id,
    block_type,
    block_id,
    {{ blank_to_null('block_display_name') }} as title,
    xml_path,
    {{ blank_to_null('edx_video_id') }} as edx_video_id,
    {{ to_double('duration') }} as video_duration_s,
    {{ to_bigint('max_attempts') }} as max_attempts,
    {{ to_double('weight') }} as weight
from ranked
where place = 1
