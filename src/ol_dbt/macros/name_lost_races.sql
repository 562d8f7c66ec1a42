{#
    At the end of a run: the models that another build was replacing while this one did. Iceberg lets one of the two
    through, whole, and refuses the other; what dbt shows of that are the catalogue's words. Nothing of a refused model
    is written, and the run has failed by then: this says why, and what to do. `print` is heard under --quiet too.
#}
{% macro name_lost_races(results) -%}
    {%- set lost = [] -%}
    {%- for result in results if result.status == 'error' -%}
        {%- for words in ('ICEBERG_COMMIT_ERROR', 'already exists') if words in (result.message or '') -%}
            {%- do lost.append(result.node.name) if result.node.name not in lost -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if lost -%}
        {%- do print(
            'Another build was writing the same schemas (target ' ~ target.name ~ ', schema ' ~ target.schema
            ~ ') at the same time, and this one gave way to it at: ' ~ lost | join(', ') ~ '. Every table is whole, as '
            ~ 'one of the two builds made it. Wait until the other has ended, then run this again; in qa and production '
            ~ 'DBT_SCHEMA_SUFFIX=<your name> gives you schemas of your own.'
        ) -%}
    {%- endif -%}
{%- endmacro %}
