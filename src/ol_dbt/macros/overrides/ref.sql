{#
    A model's name without its catalog. DuckDB's catalog is the name of the file, and a view that names it would find
    nothing in the published copy, which is another file.
#}
{% macro ref() -%}
    {{ return(builtins.ref(*varargs, **kwargs).include(database=false)) }}
{%- endmacro %}
