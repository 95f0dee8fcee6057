{{ retired_keys('palette_prompt_key', ref('int_palette_prompts')) }}
