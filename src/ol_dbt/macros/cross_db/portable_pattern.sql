{#
    A regular expression, refused where engines read it differently: `$` is before a last line end on Trino and not on
    DuckDB (write `\z`), and what `\w`, `\s`, `\d`, `\b` and `[[:alpha:]]` mean outside of ASCII is each one's own.
#}
{% macro portable_pattern(pattern) -%}
    {%- for sign, instead in [
        ('$', '\\z'), ('\\w', '[A-Za-z0-9_]'), ('\\s', 'the signs meant'), ('\\d', '[0-9]'), ('\\b', 'the signs meant'),
        ('[[:', '\\p{...}'), ('(?', 'a group')
    ] if sign in pattern %}
        {{ exceptions.raise_compiler_error(
            "The pattern " ~ pattern ~ " has a " ~ sign ~ ", which means one thing on DuckDB and another on Trino: write "
            ~ instead
        ) }}
    {%- endfor -%}
    {{ pattern }}
{%- endmacro %}
