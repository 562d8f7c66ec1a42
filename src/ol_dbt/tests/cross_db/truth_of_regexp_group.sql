-- What the group caught, null where nothing matches or nothing was caught.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', null),
    ('a-12', '12'),
    ('-7', '7'),
    ('a-', null),
    ('ü-1', null),
    ('a-12' || chr(10), null),
    ('a--7', null)
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as varchar) as expected,
        {{ regexp_group('input', '^([a-z]*)-([0-9]+)\\z', 2) }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
