-- Escapes are undone; a plus stays; what is not UTF-8 is null.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', ''),
    ('a+b', 'a+b'),
    ('course-v1%3AedX%2BDemoX%2BDemo', 'course-v1:edX+DemoX+Demo'),
    ('%D0%AE', 'Ю'),
    ('%FF%FE', null)
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as varchar) as expected,
        {{ url_decode('input') }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
