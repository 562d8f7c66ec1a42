-- White space of every kind goes from the ends, and stays inside.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', ''),
    (' a b ', 'a b'),
    (chr(9) || chr(10) || ' a' || chr(13) || chr(10), 'a'),
    ('ü ', 'ü'),
    ('a' || chr(10) || ' ' || chr(10), 'a'),
    ('a' || chr(10) || 'b' || chr(11) || chr(12), 'a' || chr(10) || 'b'),
    (chr(160) || 'a' || chr(8195), chr(160) || 'a' || chr(8195)), -- not the spaces of typography
    (' ' || chr(9), ''),
    (' a', ' a')
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as varchar) as expected,
        {{ strip('input') }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
