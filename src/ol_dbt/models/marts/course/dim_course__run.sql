{%- set counted_types = ['chapter', 'sequential', 'vertical', 'problem', 'video', 'html'] -%}

with runs as (
    select * from {{ ref('stg_openedx__course_metadata') }}
),

outlines as (
    select
        platform,
        course_run_id,
        {%- for type in counted_types %}
        count(case when block_type = '{{ type }}' then 1 end) as {{ type }}_count,
        {%- endfor %}
        count(*) as block_count
    from {{ ref('stg_openedx__course_outline') }}
    group by platform, course_run_id
)

select
    runs.platform,
    runs.course_run_id,
    runs.organization,
    runs.course_number,
    runs.run_tag,
    runs.title,
    runs.starts_at,
    runs.ends_at,
    runs.enrollment_starts_at,
    runs.enrollment_ends_at,
    runs.is_self_paced,
    {%- for type in counted_types %}
    coalesce(outlines.{{ type }}_count, 0) as {{ type }}_count,
    {%- endfor %}
    coalesce(outlines.block_count, 0) as block_count
from runs
left join outlines
    on runs.platform = outlines.platform and runs.course_run_id = outlines.course_run_id
