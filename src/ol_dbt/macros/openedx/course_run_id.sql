{# The part of a URL that names a course run, in the new form (`/courses/` or `/course/`) or the old (`/courses/A/B/C`). #}
{% macro course_run_id_in_url(url) -%}
    {{ regexp_group(
        url,
        '/courses?/((course|ccx)-v1:[^/?#]+|[^/?#:]+/[^/?#:]+/[^/?#:]+([/?#]|\\z))'
    ) }}
{%- endmacro %}

{#
    A course run id as Open edX writes it, from text without escapes: white space at the ends and a slash left over from
    a URL are dropped, and a '+' that a form turned into a blank is put back.
#}
{% macro tidy_course_run_id(text) -%}
    case
        when {{ text }} like '%-v1:%' then replace({{ strip(text) }}, ' ', '+')
        else {{ strip(regexp_removed(text, '[/?#]\\z')) }}
    end
{%- endmacro %}

{# The text where it is the id of a course run in either form, else null. Library ids name no run. #}
{% macro valid_course_run_id(text) -%}
    {%- set part = '[\\p{L}\\p{N}_~.:-]+' -%}
    {%- set old_part = '[\\p{L}\\p{N}_~.%-]+' -%}
    {%- set course = 'course-v1:' ~ part ~ '\\+' ~ part ~ '\\+' ~ part -%}
    {%- set ccx = 'ccx-v1:' ~ part ~ '\\+' ~ part ~ '\\+' ~ part ~ '\\+ccx@[0-9]+' -%}
    {%- set old = old_part ~ '/' ~ old_part ~ '/' ~ old_part -%}
    case
        when
            {{ regexp_found(text, '^(' ~ course ~ '|' ~ ccx ~ '|' ~ old ~ ')\\z') }}
            -- The old form of `/api/courses/v1/...` is an address of the API.
            and not {{ regexp_found(text, '^v[0-9]+/') }}
            then {{ text }}
    end
{%- endmacro %}
