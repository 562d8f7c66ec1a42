-- Six digits of a second, always.
with truth (
    input, expected
) as (
    values
    (timestamp '2024-03-01 10:00:00', '2024-03-01 10:00:00.000000'),
    (timestamp '2024-03-01 10:00:00.5', '2024-03-01 10:00:00.500000'),
    (timestamp '2024-03-31 02:30:00.000001', '2024-03-31 02:30:00.000001'), -- in no clock of central Europe
    (timestamp '0999-01-01 00:00:00', '0999-01-01 00:00:00.000000'),
    (timestamp '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999'),
    (timestamp '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999'),
    (null, null)
),

answers as (
    select
        input,
        expected,
        {{ time_text('input') }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
