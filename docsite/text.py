"""Text of unknown origin, as HTML that shows what it is: nothing in it runs, hides or moves its neighbours."""

import json
import re
import unicodedata
from typing import Any

from markupsafe import Markup, escape

LONGEST_SHOWN = 120
"""Characters of a value that a table shows before the reader asks for the rest."""
LONGEST_KEPT = 4000

# Joiners belong between the parts of an emoji and the letters of many scripts, tag characters in three flags.
_WANTED = r"(?<=[^\x00-\x7f])[\u200c\u200d](?=[^\x00-\x7f])|(?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f"
_UNSEEN = re.compile(
    f"({_WANTED})|([^\\S ]|[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff\ud800-\udfff])"
)


def visible(text: str) -> Markup:
    """Return text as HTML. What can't be seen (NUL, marks of direction, stray joiners) becomes its code point."""
    parts, place = [], 0
    for match in _UNSEEN.finditer(text):
        if match[2]:
            parts += [escape(text[place : match.start()]), _code_point(match[2])]
            place = match.end()
    return Markup("").join([*parts, escape(text[place:])])


def _code_point(character: str) -> Markup:
    name = unicodedata.name(character, "control character").lower()
    return Markup('<span class="unseen" title="{}">U+{:04X}</span>').format(name, ord(character))


def cell(value: Any, longest: int = LONGEST_SHOWN) -> Markup:
    """Return a value of a table as HTML, its direction isolated; one over `longest` characters can be opened."""
    if value is None:
        return Markup('<span class="null">null</span>')
    text = value if isinstance(value, str) else _plain(value)
    if len(text) <= longest:
        return Markup("<bdi>{}</bdi>").format(visible(text))
    rest = f" … {len(text):,} characters in all" if len(text) > LONGEST_KEPT else ""
    return Markup("<details><summary><bdi>{}…</bdi></summary><bdi>{}</bdi>{}</details>").format(
        visible(text[: longest - 20]), visible(text[:LONGEST_KEPT]), rest
    )


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.15g}"
    return str(value)
