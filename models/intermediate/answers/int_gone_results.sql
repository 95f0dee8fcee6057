{{ numbers_gone('result_key', ref('int_tag_results')) }}
