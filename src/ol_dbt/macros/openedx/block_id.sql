{#
    The last part of a block's key, whatever form the key is in: `block-v1:...+block@ID`, `i4x://ORG/COURSE/type/ID`, the
    HTML id of a player `i4x-ORG-COURSE-video-ID`, or the ID alone.
#}
{% macro block_id(text) -%}
    coalesce(
        {{ regexp_group(text, '[+]block@(.+)\\z') }},
        {{ regexp_group(text, '^i4x://[^/]+/[^/]+/[^/]+/(.+)\\z') }},
        {{ regexp_group(text, '^i4x-.+?-(video|videoalpha|problem|sequential|videosequence)-(.+)\\z', 2) }},
        {{ blank_to_null(text) }}
    )
{%- endmacro %}
