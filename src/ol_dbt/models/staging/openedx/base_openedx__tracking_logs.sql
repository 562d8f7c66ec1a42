{{ config(materialized='view') }}

{{ union_platforms('tracking_logs') }}
