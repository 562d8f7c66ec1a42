-- Numbers however they are written; what says none is null.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', null),
    ('1.50', 1.5),
    (' -2 ', -2.0),
    ('1e3', 1000.0),
    ('1,5', null),
    ('fast', null),
    ('{}', null)
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as double) as expected,
        {{ to_double('input') }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
