-- Scalars as text; objects, lists, null, what is not there and what is not JSON are null.
with truth (
    input, expected
) as (
    values
    (null, null),
    ('', null),
    (' ', null),
    ('null', null),
    ('"text"', null),
    ('7', null),
    ('[1]', null),
    ('{}', null),
    ('{"a": 1}', null),
    ('{"A": {"b c": 1}}', null),
    ('{"a": {"b c": null}}', null),
    ('{"a": {"b c": ""}}', ''),
    ('{"a": {"b c": "null"}}', 'null'),
    ('{"a": {"b c": "\u00fc\n"}}', 'ü
'),
    ('{"a": {"b c": "Юля \ud83d\ude00"}}', 'Юля 😀'),
    ('{"a": {"b c": "\\ud83d, ] NaN, }"}}', '\ud83d, ] NaN, }'),
    ('{"a": {"b c": "\"q\" \/ \\"}}', '"q" / \'),
    ('{"a": {"b c": true}}', 'true'),
    ('{"a": {"b c": false}}', 'false'),
    ('{"a": {"b c": {"d": 1}}}', null),
    ('{"a": {"b c": [1]}}', null),
    (' {"a" : {"b c" : 1 } } ', '1'),
    ('{"a": {"b c": 1, "b c": 2}}', '1'),
    -- numbers, however they are spelled
    ('{"a": {"b c": 7}}', '7'),
    ('{"a": {"b c": -7}}', '-7'),
    ('{"a": {"b c": -0}}', '0'),
    ('{"a": {"b c": -1.5}}', '-1.5'),
    ('{"a": {"b c": 1.50}}', '1.5'),
    ('{"a": {"b c": "1.50"}}', '1.50'),
    ('{"a": {"b c": 1.0}}', '1.0'),
    ('{"a": {"b c": -0.0}}', '-0.0'),
    ('{"a": {"b c": 0e10}}', '0.0'),
    ('{"a": {"b c": 1e3}}', '1000.0'),
    ('{"a": {"b c": 1504567890.123}}', '1504567890.123'),
    ('{"a": {"b c": 100000000000.25}}', '100000000000.25'),
    ('{"a": {"b c": 0.1234567890123456789}}', '0.12345678901234568'),
    ('{"a": {"b c": 1e20}}', '100000000000000000000.0'),
    ('{"a": {"b c": 1E21}}', '1e21'),
    ('{"a": {"b c": -1.5E+22}}', '-1.5e22'),
    ('{"a": {"b c": 0.000001}}', '0.000001'),
    ('{"a": {"b c": 0.00000015}}', '1.5e-7'),
    ('{"a": {"b c": 1E400}}', '1E400'),
    ('{"a": {"b c": 12345678901234567890123}}', '12345678901234567890123'),
    -- not JSON
    ('{bad', null),
    ('{"a": {"b c": 7}', null),
    ('{"a": {"b c": 7}}, bad', null),
    ('{"a": {"b c": 7}}{}', null),
    ('{"a": {"b c": 7},}', null),
    ('{"a": {"b c": 7, }}', null),
    ('{"a": {"b c": 7}, "d": [1,]}', null),
    ('{"a": {"b c": 7}, "d": NaN}', null),
    ('{"a": {"b c": -Infinity}}', null),
    ('{"a": {"b c": 07}}', null),
    ('{"a": {"b c": .5}}', null),
    ('{"a": {"b c": +5}}', null),
    ('{"a": {"b c": "\x41"}}', null),
    ('{"a": {"b c": "\ud83d"}}', null),
    ('{"a": {"b c": 7}, "d": "\udc00\ud83d"}', null),
    ('{"a": {"b c": "one
two"}}', null),
    ('{''a'': {''b c'': 7}}', null),
    ('{a: {"b c": 7}}', null)
),

answers as (
    select
        cast(input as varchar) as input,
        cast(expected as varchar) as expected,
        {{ json_text('input', ['a', 'b c']) }} as answer
    from truth
)

select * from answers
where answer is distinct from expected
