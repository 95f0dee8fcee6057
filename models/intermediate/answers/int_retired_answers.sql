{{ retired_keys('result_key', ref('int_tag_results')) }}
