{#
    An incremental table of which the unit is the delivered object, so that it is always what a full refresh would make.
    The loader replaces all rows of an object, or removes them; which objects a table is made of can therefore be told by
    difference, whatever came late, twice, changed, or was taken back. No time of an event is looked at.

    A model that uses it holds one row per row of a raw union (`union_platforms`), has the columns `platform`,
    `_object_key`, `_loaded_at` and `_rules`, begins with `rows_of_new_objects`, and is configured with
    `incremental_strategy='delivered_objects'` and `meta={'delivered_in': '<the raw union>'}`.
#}

{# The objects of a table, each with the load it came by and how many rows it has. #}
{% macro objects_in(relation) -%}
    select
        platform,
        _object_key,
        _loaded_at,
        count(*) as row_count
    from {{ relation }}
    group by platform, _object_key, _loaded_at
{%- endmacro %}

{#
    The rows of a raw union that the model has yet to read: of objects it does not hold, holds from another load or
    another number of rows of, or read by other rules. All rows, when it is made from the beginning.
#}
{% macro rows_of_new_objects(raw, rules) -%}
    {%- if is_incremental() -%}
    select delivered.*
    from {{ raw }} as delivered
    inner join (
        {{ objects_in(raw) }}
        except
        {{ objects_in("(select * from " ~ this ~ " where _rules = '" ~ rules_version(rules) ~ "') as held") }}
    ) as fresh
        on
            delivered.platform = fresh.platform
            and delivered._object_key = fresh._object_key
            and delivered._loaded_at = fresh._loaded_at
    {%- else -%}
    select * from {{ raw }}
    {%- endif -%}
{%- endmacro %}

{#
    A name for the SQL that makes a row of a delivered one, macros included: rows that were made by other SQL are made
    anew. It differs between engines, whose SQL does.
#}
{% macro rules_version(rules) -%}
    {{ local_md5(rules) }}
{%- endmacro %}

{#
    One statement, so nobody ever sees a table without the rows that are being replaced, and a kill leaves it as it was.
    Where nothing stays, after a change of the rules above all, the table is replaced with its columns.
#}
{% macro get_incremental_delivered_objects_sql(arguments) -%}
    {%- set held, fresh = arguments.target_relation, arguments.temp_relation -%}
    {%- set staying -%}
        {{ objects_in(ref(config.get('meta').delivered_in)) }}
        except
        {{ objects_in(fresh) }}
    {%- endset -%}
    {%- set stay = run_query("select count(*) from (" ~ objects_in(held) ~ " intersect (" ~ staying ~ ")) as stay") -%}
    {%- if stay.columns[0].values()[0] == 0 -%}
    {{ replaced_table(held, 'select * from ' ~ fresh) }}
    {%- else -%}
    {%- set columns = arguments.dest_columns | map(attribute='name') | list -%}
    merge into {{ held }} as held
    using (
        select {{ columns | join(', ') }}, false as has_departed
        from {{ fresh }}
        union all
        select
            {%- for column in columns %}
            {{ column if column in ['platform', '_object_key', '_loaded_at'] else 'null' }},
            {%- endfor %}
            true
        from (
            {{ objects_in(held) }}
            except
            ({{ staying }})
        ) as departed
    ) as delivered
        on
            delivered.has_departed
            and held.platform = delivered.platform
            and held._object_key = delivered._object_key
            and held._loaded_at = delivered._loaded_at
    when matched then delete
    when not matched and not delivered.has_departed then insert ({{ columns | join(', ') }})
        values ({{ 'delivered.' ~ columns | join(', delivered.') }})
    {%- endif -%}
{%- endmacro %}

{# The statement that puts another table in the place of one, columns and all. #}
{% macro replaced_table(relation, sql) -%}
    {{ return(adapter.dispatch('replaced_table')(relation, sql)) }}
{%- endmacro %}

{% macro default__replaced_table(relation, sql) -%}
    {{ unsupported_engine('replaced_table') }}
{%- endmacro %}

{% macro duckdb__replaced_table(relation, sql) -%}
    create or replace table {{ relation }} as {{ sql }}
{%- endmacro %}

{% macro trino__replaced_table(relation, sql) -%}
    {{ create_table_as(False, relation, sql, 'replace') }}
{%- endmacro %}
