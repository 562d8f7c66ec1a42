{#
    The rows of one entity of the inventory from every platform that has it, with the platform's name in front:
    union_platforms('tracking_logs'). The platforms and their columns are generated (see macros/generated), so a new
    site needs no line here.
#}
{% macro union_platforms(entity) -%}
    {%- for table in raw_tables()[entity] %}
    select
        '{{ table.platform }}' as platform,
        {%- for column in table.columns %}
        {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ source('ol_warehouse_raw_data', table.name) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
