with

live as (

    select palette_id from {{ ref('stg_convex__palettes') }}

),

changes as (

    select * from {{ source('raw', 'palettes') }}
    where _op = 'upsert'

),

last_versions as (

    select changes.*
    from changes
    anti join live
        on changes._id = live.palette_id
    qualify row_number() over (partition by changes._id order by changes._ordinal desc nulls last) = 1

),

documents as (

    select * replace ({{ readable_json('document') }} as document) from last_versions

),

typed as (

    {{ typed_fields('documents', [
        {'name': 'seed', 'column': 'palette_seed', 'type': 'text'},
        {'name': 'imageUrl', 'column': 'image_url', 'type': 'text'}
    ]) }}

)

select * rename (_id as palette_id) from typed
