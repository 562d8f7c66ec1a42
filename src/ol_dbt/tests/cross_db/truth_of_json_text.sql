-- Scalars as text; objects, lists, null, what is not there and what is not JSON are null.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', null),
    ('{bad', null),
    ('"text"', null),
    ('[1]', null),
    ('{"a": 1}', null),
    ('{"a": {"b c": null}}', null),
    ('{"a": {"b c": ""}}', ''),
    ('{"a": {"b c": "\u00fc\n"}}', 'ü
'),
    ('{"a": {"b c": 7}}', '7'),
    ('{"a": {"b c": -1.5}}', '-1.5'),
    ('{"a": {"b c": true}}', 'true'),
    ('{"a": {"b c": {"d": 1}}}', null),
    ('{"a": {"b c": [1]}}', null)
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as varchar) as expected,
        {{ json_text('input', ['a', 'b c']) }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
