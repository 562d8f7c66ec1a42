{#- More steps than Studio can make; a test says when a course is deeper. -#}
{%- set steps = 12 -%}

with outline as (
    select * from {{ ref('stg_openedx__course_outline') }}
),

climbed as (
    select
        block.platform,
        block.course_run_id,
        block.usage_key,
        block.parent_usage_key,
        block.block_type,
        block.title,
        block.depth,
        block.position,
        {{ nearest_ancestor('chapter', steps) }} as chapter_usage_key,
        {{ nearest_ancestor('sequential', steps) }} as sequential_usage_key,
        {{ places_from_the_root(steps) }} as places
    from outline as block
    {{ join_ancestors('outline', steps) }}
)

select
    climbed.platform,
    climbed.course_run_id,
    climbed.usage_key,
    climbed.parent_usage_key,
    climbed.block_type,
    {{ block_id('climbed.usage_key') }} as block_id,
    climbed.title,
    climbed.depth,
    climbed.position,
    row_number() over (
        partition by climbed.platform, climbed.course_run_id order by climbed.places, climbed.usage_key
    ) as reading_order,
    climbed.chapter_usage_key,
    chapter.title as chapter_title,
    climbed.sequential_usage_key,
    sequential.title as sequential_title
from climbed
left join outline as chapter
    on
        climbed.platform = chapter.platform
        and climbed.course_run_id = chapter.course_run_id
        and climbed.chapter_usage_key = chapter.usage_key
left join outline as sequential
    on
        climbed.platform = sequential.platform
        and climbed.course_run_id = sequential.course_run_id
        and climbed.sequential_usage_key = sequential.usage_key
