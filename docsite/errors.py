"""The one error that a user of `docsite` sees."""


class DocsError(Exception):
    """What went wrong and what to do about it, in one line."""
