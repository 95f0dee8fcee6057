"""The one error that a user of the publisher sees."""


class PublishError(Exception):
    """What went wrong and what to do about it, in one line."""
