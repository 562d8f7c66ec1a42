with events as (
    select * from {{ ref('int_activity__events') }}
    where event_domain = 'problem'
)

select
    {{ event_columns() }},
    coalesce(
        {{ block_id(json_text('event', ['problem_id'])) }},
        {{ block_id(json_text('event', ['problem'])) }},
        {{ block_id(json_text('context', ['module', 'usage_key'])) }},
        -- The browser's own problem_check is a form: its fields are named after the problem.
        {{ regexp_group('event', 'input_([0-9a-f]{32})_') }}
    ) as problem_block_id,
    {{ to_bigint(json_text('event', ['attempts'])) }} as attempt_number,
    {{ blank_to_null(json_text('event', ['success'])) }} as success,
    {{ to_double(first_json_text('event', ['grade', 'weighted_earned'])) }} as points_earned,
    {{ to_double(first_json_text('event', ['max_grade', 'weighted_possible'])) }} as points_possible
from events
