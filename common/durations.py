"""Times as the command line takes them: `90s`, `30m`, `24h`, `7d`."""

import argparse
import re
from datetime import timedelta


def duration(text: str) -> timedelta:
    """Read a time. Raises argparse.ArgumentTypeError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|d)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text} is no time: write 90s, 30m, 24h or 7d")
    names = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    try:
        return timedelta(**{names[match[2]]: float(match[1])})
    except OverflowError:
        raise argparse.ArgumentTypeError(f"{text} is longer than can be waited for") from None
