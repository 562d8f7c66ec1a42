-- ISO 8601 with and without zone, always UTC; what is no time is null.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', null),
    ('soon', null),
    ('2015-07-17T12:00', '2015-07-17 12:00:00'),
    ('2015-07-17 12:00:01', '2015-07-17 12:00:01'),
    ('2015-07-17T12:00:00Z', '2015-07-17 12:00:00'),
    ('2022-04-09T02:00:00.123456+02:00', '2022-04-09 00:00:00.123456'),
    ('2022-04-09T00:30:00-0130', '2022-04-09 02:00:00'),
    ('2030-01-01', '2030-01-01 00:00:00'),
    ('2024-03-31T02:30:00', '2024-03-31 02:30:00'),
    ('2024-02-30T00:00:00', null)
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as timestamp) as expected,
        {{ iso_timestamp('input') }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
