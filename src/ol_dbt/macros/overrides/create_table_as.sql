{#
    A table in one statement, with a contract too. dbt-trino makes a table under contract empty and then fills it: readers
    meanwhile see a mart without a row, a build that is killed in between leaves it so, and of two builds at once both
    fill the same table. Here the contract is checked as always, and every column is of the declared type.
#}
{% macro trino__create_table_as(temporary, relation, sql, on_exists=none) -%}
    {%- set has_contract = config.get('contract').enforced -%}
    {%- if has_contract %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
    create{{ ' or replace' if on_exists == 'replace' }} table{{ ' if not exists' if on_exists == 'skip' }} {{ relation }}
    {{ comment(model.get('description')) }}
    {{ properties(temporary) }}
    as (
        {{ of_declared_types(sql) if has_contract else sql }}
    )
{%- endmacro %}

{# The rows of a query, with the columns of the model's contract, in its order and of its types. #}
{% macro of_declared_types(sql) -%}
    select
        {%- for column in model.columns.values() %}
        {%- set name = adapter.quote(column.name) if column.quote else column.name %}
        cast({{ name }} as {{ column.data_type }}) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from (
        {{ sql }}
    ) as contracted
{%- endmacro %}
