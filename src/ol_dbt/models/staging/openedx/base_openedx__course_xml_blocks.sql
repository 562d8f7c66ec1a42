{{ config(materialized='view') }}

{{ union_platforms('course_xml_blocks') }}
