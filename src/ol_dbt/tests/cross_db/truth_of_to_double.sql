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
    ('1.', 1.0),
    ('.5', 0.5),
    ('-.5E-1', -0.05),
    ('+1.5', 1.5),
    ('1504567890.123', 1504567890.123),
    ('1.5' || chr(10), 1.5),
    ('1e-400', 0.0),
    ('.', null),
    ('1,5', null),
    ('1_000', null),
    ('1d', null),
    ('0x1A', null),
    ('NaN', null),
    ('Infinity', null),
    ('١', null),
    ('1 2', null),
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
