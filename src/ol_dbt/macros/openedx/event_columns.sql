{# What every fact of events says of an event, whatever its domain: who, where, when and what. #}
{% macro event_columns() -%}
    event_id,
    platform,
    username,
    course_run_id,
    occurred_at,
    event_name,
    event_source
{%- endmacro %}
