{#- Open edX writes this start where an author has set none. -#}
{%- set unset_start = "timestamp '2030-01-01 00:00:00'" -%}

with source as (
    select * from {{ ref('base_openedx__course_metadata') }}
),

renamed as (
    select
        platform,
        course_id as course_run_id,
        archive_course_id as archive_course_run_id,
        {{ blank_to_null('institution') }} as organization,
        {{ blank_to_null('course_number') }} as course_number,
        {{ blank_to_null('semester') }} as run_tag,
        {{ blank_to_null('title') }} as title,
        {{ iso_timestamp("replace(course_start, '\"', '')") }} as starts_at,
        {{ iso_timestamp("replace(course_end, '\"', '')") }} as ends_at,
        {{ iso_timestamp("replace(enrollment_start, '\"', '')") }} as enrollment_starts_at,
        {{ iso_timestamp("replace(enrollment_end, '\"', '')") }} as enrollment_ends_at,
        self_paced as is_self_paced
    from source
)

select
    platform,
    course_run_id,
    archive_course_run_id,
    organization,
    course_number,
    run_tag,
    title,
    nullif(starts_at, {{ unset_start }}) as starts_at,
    ends_at,
    enrollment_starts_at,
    enrollment_ends_at,
    is_self_paced
from renamed
