-- Escapes are undone; a plus stays, and a percent sign alone; what is not UTF-8 is null.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', ''),
    ('a+b', 'a+b'),
    ('course-v1%3AedX%2BDemoX%2BDemo', 'course-v1:edX+DemoX+Demo'),
    ('%D0%AE', 'Ю'),
    ('%d0%ae%F0%9F%98%80', 'Ю😀'),
    ('ü%20%41', 'ü A'),
    ('100%', '100%'),
    ('%4', '%4'),
    ('%zz%41', '%zzA'),
    ('%%41', '%A'),
    ('a%C3', null),
    ('%ED%A0%80', null),
    ('%EF%BF%BD', null),
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
