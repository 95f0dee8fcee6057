with

documents as (

    {{ latest_documents(source('raw', 'palettes')) }}

),

typed as (

    {{ typed_fields('documents', [
        {'name': 'seed', 'column': 'palette_seed', 'type': 'text'},
        {'name': 'imageUrl', 'column': 'image_url', 'type': 'text'}
    ]) }}

)

select * rename (_id as palette_id) from typed
