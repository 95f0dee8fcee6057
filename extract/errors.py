"""The one error that a user of the extractor sees."""


class ExtractError(Exception):
    """What went wrong and what to do about it, in one line."""
