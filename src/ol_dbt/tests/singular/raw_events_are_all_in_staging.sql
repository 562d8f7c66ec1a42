{{ config(meta={'dagster': {'ref': {'name': 'stg_openedx__tracking_logs'}}}) }}

-- Every line that was loaded is an event, or a repetition of one that is counted with it.
with raw as (
    select count(*) as row_count from {{ ref('base_openedx__tracking_logs') }}
),

staged as (
    select coalesce(sum(delivered_count), 0) as row_count from {{ ref('stg_openedx__tracking_logs') }}
)

select
    raw.row_count as raw_rows,
    staged.row_count as staged_rows
from raw
cross join staged
where raw.row_count <> staged.row_count
