-- A match anywhere counts; null stays null; an end is the end, whatever line ends are before it.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', false),
    ('xa-1', true),
    ('Ю-1', true),
    ('-1', false),
    ('a-1y', false),
    ('a-1' || chr(10), false),
    ('b' || chr(10) || 'a-1', true),
    ('a-' || chr(10) || '1', false),
    ('é-1', true),
    ('a-١', false)
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as boolean) as expected,
        {{ regexp_found('input', '[\\p{L}]-[0-9]\\z') }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
