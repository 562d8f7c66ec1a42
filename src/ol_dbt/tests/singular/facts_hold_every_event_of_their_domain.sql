{{ config(meta={'dagster': {'ref': {'name': 'int_activity__events'}}}) }}

-- No fact loses an event, and no event is in two facts.
with facts as (
    {%- for domain in ['video', 'problem', 'discussion', 'navigation'] %}
    select
        '{{ domain }}' as event_domain,
        count(*) as event_count
    from {{ ref('fct_activity__' ~ domain ~ '_events') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

events as (
    select
        event_domain,
        count(*) as event_count
    from {{ ref('int_activity__events') }}
    group by event_domain
)

select
    facts.event_domain,
    facts.event_count,
    coalesce(events.event_count, 0) as expected_count
from facts
left join events on facts.event_domain = events.event_domain
where facts.event_count <> coalesce(events.event_count, 0)
