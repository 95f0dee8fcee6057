{{ numbers_gone('group_key', ref('int_palette_versions')) }}
