{#
    One name for events that were renamed: sequence navigation under its new names (since May 2016), players under the
    names of the browser's, which the mobile applications' are translated to.
#}
{% macro event_synonyms() -%}
    {{ return({
        'seq_next': 'edx.ui.lms.sequence.next_selected',
        'seq_prev': 'edx.ui.lms.sequence.previous_selected',
        'seq_goto': 'edx.ui.lms.sequence.tab_selected',
        'edx.video.loaded': 'load_video',
        'edx.video.played': 'play_video',
        'edx.video.paused': 'pause_video',
        'edx.video.stopped': 'stop_video',
        'edx.video.completed': 'complete_video',
        'edx.video.position.changed': 'seek_video',
        'edx.video.transcript.shown': 'show_transcript',
        'edx.video.transcript.hidden': 'hide_transcript',
    }) }}
{%- endmacro %}

{# The events each fact is made of, by their canonical names; discussion is every `edx.forum.*`. #}
{% macro event_domains() -%}
    {{ return({
        'video': [
            'load_video', 'play_video', 'pause_video', 'stop_video', 'complete_video', 'seek_video',
            'speed_change_video', 'show_transcript', 'hide_transcript', 'edx.video.closed_captions.shown',
            'edx.video.closed_captions.hidden', 'video_show_cc_menu', 'video_hide_cc_menu',
        ],
        'problem': [
            'problem_check', 'problem_check_fail', 'problem_graded', 'problem_reset', 'problem_save', 'problem_show',
            'problem_rescore', 'problem_rescore_fail', 'reset_problem', 'reset_problem_fail', 'save_problem_success',
            'save_problem_fail', 'showanswer', 'edx.grades.problem.submitted',
            'edx.problem.hint.demandhint_displayed', 'edx.problem.hint.feedback_displayed',
        ],
        'navigation': [
            'edx.ui.lms.sequence.next_selected', 'edx.ui.lms.sequence.previous_selected',
            'edx.ui.lms.sequence.tab_selected', 'edx.ui.lms.jump_nav.selected', 'edx.ui.lms.link_clicked',
            'edx.ui.lms.outline.selected',
        ],
    }) }}
{%- endmacro %}

{# The canonical name of an event: `name` where there is one, else `event_type`, both under one of their synonyms. #}
{% macro canonical_event_name(name, event_type) -%}
    case coalesce({{ name }}, {{ event_type }})
        {%- for old, canonical in event_synonyms().items() %}
        when '{{ old }}' then '{{ canonical }}'
        {%- endfor %}
        else coalesce({{ name }}, {{ event_type }})
    end
{%- endmacro %}

{#
    Which fact an event belongs to: `video`, `problem`, `discussion`, `navigation` or `other`. What the browser says of a
    problem is not counted: the server says it again, with the result, and a submission is to be one event.
#}
{% macro event_domain(event_name, event_source) -%}
    case
        {%- for domain, names in event_domains().items() %}
        when
            {{ event_name }} in ('{{ names | join("', '") }}')
            {%- if domain == 'problem' %} and {{ event_source }} in ('server', 'task') {%- endif %} then '{{ domain }}'
        {%- endfor %}
        when {{ event_name }} like 'edx.forum.%' then 'discussion'
        else 'other'
    end
{%- endmacro %}
