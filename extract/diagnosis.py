"""What a file that holds no documents seems to be, and what to do about it."""

import re
from typing import NamedTuple

from common.text import visible

SHOWN_CHARACTERS = 60
_EXPORT = "take a snapshot with `npx convex export --path snapshot.zip`, and load that"
_WRITE_LINES = "write it as JSON Lines, one document a line, and load that"


class Guess(NamedTuple):
    """What a file seems to be, and what to do."""

    what: str
    advice: str


def _packed(what: str) -> Guess:
    return Guess(what, "unpack it, and load what is in it")


# No text of JSON begins so.
_MAGIC = {
    b"PK\x03\x04": Guess("a ZIP that was cut", "get it again"),  # a whole one has been known before
    b"BZh": _packed("packed with bzip2"),
    b"\xfd7zXZ\x00": _packed("packed with xz"),
    b"\x04\x22\x4d\x18": _packed("packed with lz4"),
    b"7z\xbc\xaf\x27\x1c": _packed("a 7z archive"),
    b"Rar!\x1a\x07": _packed("a RAR archive"),
    b"PAR1": Guess("a Parquet file", _WRITE_LINES),
    b"ARROW1": Guess("an Arrow file", _WRITE_LINES),
    b"Obj\x01": Guess("an Avro file", _WRITE_LINES),
    b"SQLite format 3\x00": Guess("an SQLite database", _WRITE_LINES),
    b"%PDF-": Guess("a PDF", _EXPORT),
}
# These lie deeper, where a text may have the same letters: only where there are NULs too.
_DEEPER_MAGIC = {
    (8, b"DUCK"): Guess("a DuckDB database", _WRITE_LINES),
    (257, b"ustar"): _packed("a tar archive"),
}
_WIDE = {
    "UTF-32LE": re.compile(rb"(?:[\t\n\r -~]\x00\x00\x00){2}"),
    "UTF-32BE": re.compile(rb"(?:\x00\x00\x00[\t\n\r -~]){2}"),
    "UTF-16LE": re.compile(rb"(?:[\t\n\r -~]\x00){2}"),
    "UTF-16BE": re.compile(rb"(?:\x00[\t\n\r -~]){2}"),
}

# Of one JSON object that is the whole file.
_LIST_INSIDE = re.compile(rb'\s*\{(?:[^\[{]*,)?\s*"(\w{1,64})"\s*:\s*\[\s*\{')
_ERROR = re.compile(rb'\s*\{(?:[^\[{]*,)?\s*"(?:errors?|errorMessage|code|message)"\s*:')
_COMMAS = re.compile(rb"\s*\{[^\n]*\}[ \t]*,[ \t\r]*(?:\n|\Z)")
_TEXTS = [
    (
        re.compile(rb"\s*<(?:!doctype html|html|head|body)\b", re.IGNORECASE),
        Guess("an HTML page, as a proxy or a sign-in page sends it", "see what it says, and get the documents again"),
    ),
    (re.compile(rb"\s*<"), Guess("XML", _EXPORT)),
    (
        re.compile(rb"\s*_(?:id|creationTime)\s*\| "),
        Guess("what `npx convex data` shows, which is for reading only", _EXPORT),
    ),
    (
        _COMMAS,
        Guess(
            "JSON documents with commas between them",
            "write [ before the first and ] after the last, or take the commas at the ends of the lines away",
        ),
    ),
    (
        re.compile(rb"\s*\{[^\n]*\}[ \t]*\r[ \t\r]*\{"),
        Guess("JSON documents with carriage returns between them", "turn these into line feeds: tr '\\r' '\\n'"),
    ),
    (
        re.compile(rb"\s*\{[^\n]*\}[ \t]*\{"),
        Guess("several JSON documents on a line", "write one a line, as `jq -c .` does"),
    ),
    (
        re.compile(rb"\s*\{\s*(?:'|[A-Za-z_$])"),
        Guess("objects of JavaScript or Python, which aren't JSON", "write them as JSON, one a line"),
    ),
    (
        re.compile(rb"\s*\{[^\n]*[{\[,][ \t\r]*\n"),
        Guess("JSON documents over several lines", "write one a line, as `jq -c .` does"),
    ),
    (re.compile(rb"\s*(?:---|%YAML|- \w+:|_id:)"), Guess("YAML", _EXPORT)),
]
_JSON = {
    b"{": Guess("JSON objects that aren't Convex documents, which have an `_id`", _EXPORT),
    b"[": Guess("JSON lists of what isn't Convex documents, which have an `_id`", _EXPORT),
}
_SEPARATORS = {
    b",": "comma-separated values (CSV)",
    b"\t": "tab-separated values",
    b";": "values separated by semicolons",
}


def from_magic(head: bytes) -> Guess | None:
    """Tell what a file is that begins as no text does; None where it may be a text."""
    return next((guess for magic, guess in _MAGIC.items() if head.startswith(magic)), None)


def has_commas_between(head: bytes) -> bool:
    """Tell whether the first line is an object with a comma after it. The last one may be a document all the same."""
    return _COMMAS.match(head) is not None


def from_text(head: bytes, *, is_one: bool, is_json: bool = False) -> Guess | None:
    """Tell what a file without documents seems to be, by how it begins; None where it seems to be spoilt JSON.

    `is_one`: it holds one line or element. `is_json`: most of its lines or elements are JSON.
    """
    if b"\x00" in head:
        return _from_nuls(head)
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.end < len(head):  # else its last character is cut, as this is but a head
            return Guess("text in another encoding than UTF-8", "convert it: iconv -f ENCODING -t UTF-8")
    if is_one and (found := _LIST_INSIDE.match(head)):
        name = found[1].decode(errors="replace")
        return Guess(f"one JSON object with a list in it, `{name}`", f"take the list out, as `jq .{name}` does")
    if is_one and _ERROR.match(head):
        return Guess("an error that a server answered with", "see what it says, and get the documents again")
    for pattern, guess in _TEXTS:
        if pattern.match(head):
            return guess
    if guess := _JSON.get(head.lstrip()[:1]):
        return guess if is_json else None
    lines = head.strip().split(b"\n")[:2]
    for separator, what in _SEPARATORS.items():
        if lines[0].count(separator) == lines[-1].count(separator) > 0:
            return Guess(what, f"it has lost types and lists: {_EXPORT}")
    line = lines[0].decode(errors="replace").strip()
    shown = visible(line[:SHOWN_CHARACTERS]) + (" …" if len(line) > SHOWN_CHARACTERS else "")
    return Guess(f"a text that begins with: {shown}", _EXPORT)


def _from_nuls(head: bytes) -> Guess:
    for (place, magic), guess in _DEEPER_MAGIC.items():
        if head.startswith(magic, place):
            return guess
    for encoding, pattern in _WIDE.items():
        if pattern.match(head):
            what = f"text in {encoding} without a byte order mark"
            return Guess(what, f"convert it: iconv -f {encoding} -t UTF-8")
    return Guess("no text at all", _EXPORT)
