-- Whole numbers of up to 18 digits, as Open edX writes ids.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', null),
    ('7', 7),
    ('-7', -7),
    ('+7', 7),
    ('7.0', null),
    (' 7', null),
    ('7' || chr(10), null),
    ('007', 7),
    ('-0', 0),
    ('--7', null),
    ('1e3', null),
    ('1_000', null),
    ('-999999999999999999', -999999999999999999),
    ('123456789012345678', 123456789012345678),
    ('12345678901234567890', null),
    ('٧', null)
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as bigint) as expected,
        {{ to_bigint('input') }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
