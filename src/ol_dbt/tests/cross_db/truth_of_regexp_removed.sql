-- Every match goes, at whatever place; null stays null.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', ''),
    ('a/', 'a'),
    ('a/?', 'a'),
    ('a', 'a'),
    ('ü-1-2/', 'ü-1-2'),
    ('x0y0', 'xy'),
    ('a/' || chr(10), 'a/' || chr(10))
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as varchar) as expected,
        {{ regexp_removed('input', '0|[/?]+\\z') }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
