{{ config(
    materialized='incremental',
    incremental_strategy='delivered_objects',
    meta={'delivered_in': 'base_openedx__tracking_logs'},
) }}

{%- set rules = parsed_events('lines') %}

with lines as (
    {{ rows_of_new_objects(ref('base_openedx__tracking_logs'), rules) }}
),

{{ rules }}

select
    *,
    '{{ rules_version(rules) }}' as _rules
from parsed
