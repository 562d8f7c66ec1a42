-- A match anywhere counts; null stays null.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', false),
    ('xa-1y', true),
    ('Ю-1', true),
    ('-1', false)
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as boolean) as expected,
        {{ regexp_found('input', '[\\p{L}]-[0-9]') }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
