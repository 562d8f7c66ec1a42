-- Which value is in which column counts, and a null is not a blank.
with truth (
    one, two, expected
) as (
    values
    ('a', 'b', 'facdde7abf1eac5b301273ab2e282f79bab0100f058833a7b8bdf9f80741e149'),
    ('ab', '', 'bd9027e9dbf27167f8c3e2fbc1e42491e1cf15a54dd6fa6caa99f5e12b4c0750'),
    ('a', null, '90f1254ff827d6590e7801f3633736f7ae68c37fd9392ced9c449bc6825320b8'),
    (null, 'a', '16221554ecdd567895130535fcd71737ff57de577a6eaac8fe70ae9facf12fd9'),
    ('a', '', 'c4855ea937d9bc672a18f1a2318fd6dc7dd449d0dd34f06cea68e8f1a5d0ae34'),
    ('ü', 'b', 'e6c4c4782e9cd8b22989fb4bb7500faeb95ff5b1743592fbe140342442ed4fa3'),
    ('e' || chr(769), '👩‍👩', '514c9883a3425a77ea5c9b37c6d34640c70dd72898e79c56780ad2c380f644b1'),
    ('-', '-1', 'b4dc6f998b8f6cd0eeefa630a760f3296d4efed09c63b9562fa28aef976a9e72'),
    (null, null, 'd8156bae0c4243d3742fc4e9774d8aceabe0410249d720c855f98afc88ff846c')
),

answers as (
    select
        cast(one as varchar) as one,
        cast(two as varchar) as two,
        cast(expected as varchar) as expected,
        {{ row_hash(['one', 'two']) }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
