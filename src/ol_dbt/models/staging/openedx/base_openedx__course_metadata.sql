{{ config(materialized='view') }}

{{ union_platforms('course_metadata') }}
