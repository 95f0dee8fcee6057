"""Text from elsewhere, made safe to show."""


def visible(text: str) -> str:
    """Return the text with what could steer a terminal made visible."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
