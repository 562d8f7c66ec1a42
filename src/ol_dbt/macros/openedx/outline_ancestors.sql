{#
    Joins that climb a course's outline from `block` to the root: `above_1` is the block that holds it, `above_2` the one
    that holds that, and so on. Not every engine can recurse inside a table's definition.
#}
{% macro join_ancestors(outline, steps) -%}
    {%- for step in range(1, steps + 1) %}
    {%- set below = 'block' if loop.first else 'above_' ~ (step - 1) %}
    left join {{ outline }} as above_{{ step }}
        on
            {{ below }}.platform = above_{{ step }}.platform
            and {{ below }}.course_run_id = above_{{ step }}.course_run_id
            and {{ below }}.parent_usage_key = above_{{ step }}.usage_key
    {%- endfor %}
{%- endmacro %}

{# Key of the nearest block of a type, from the block itself upwards; null where there is none. #}
{% macro nearest_ancestor(block_type, steps) -%}
    coalesce(
        case when block.block_type = '{{ block_type }}' then block.usage_key end
        {%- for step in range(1, steps + 1) %},
        case when above_{{ step }}.block_type = '{{ block_type }}' then above_{{ step }}.usage_key end
        {%- endfor %}
    )
{%- endmacro %}

{# The places of all blocks from the root down to the block, as text that sorts in reading order. #}
{% macro places_from_the_root(steps) -%}
    {%- for step in range(steps, 0, -1) %}
    coalesce(lpad(cast(above_{{ step }}.position as varchar), 6, '0'), '') ||
    {%- endfor %}
    lpad(cast(block.position as varchar), 6, '0')
{%- endmacro %}
