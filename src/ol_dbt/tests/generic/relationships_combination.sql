{# Fails with every combination of values that another model does not have: a foreign key of several columns. #}
{% test relationships_combination(model, columns, to) %}
select distinct child.{{ columns | join(', child.') }}
from {{ model }} as child
left join {{ to }} as parent
    on {% for column in columns %}child.{{ column }} = parent.{{ column }}{{ " and " if not loop.last }}{% endfor %}
where parent.{{ columns[0] }} is null
{% endtest %}
