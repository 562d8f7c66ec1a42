{{ config(meta={'dagster': {'ref': {'name': 'dim_course__content'}}}) }}

-- Joining chapters and block files adds no block and loses none.
with outlines as (
    select count(*) as block_count from {{ ref('stg_openedx__course_outline') }}
),

content as (
    select count(*) as block_count from {{ ref('dim_course__content') }}
)

select
    content.block_count,
    outlines.block_count as expected_count
from content
cross join outlines
where content.block_count <> outlines.block_count
