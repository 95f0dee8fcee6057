"""The one error that a user of the checks sees."""


class GovernanceError(Exception):
    """What went wrong and what to do about it, in one line."""
