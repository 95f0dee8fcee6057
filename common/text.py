"""Text from elsewhere, made safe to show."""

import re

LONGEST_SHOWN = 100


def visible(text: str) -> str:
    """Return the text with what could steer a terminal made visible."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def without_password(address: str) -> str:
    """Return an address as it can be shown: without a name and password, on one line, and not too long."""
    shown = visible(re.sub(r"(?s)^([^/@]*//)?.*@", r"\1***@", address))
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
