"""What the pages that other tools make have in common here: they reach no network, and lead back to the site."""

from common.errors import CommandError

_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="'
    "connect-src 'none'; form-action 'none'; frame-src 'none'; object-src 'none'; img-src data:; font-src data:\"/>"
)
_WAY_BACK = (
    '<a href="../index.html" style="position:fixed;bottom:4px;left:{left};z-index:99;'
    "padding:2px 10px;border-radius:8px;"
    "background:#6327b8;color:#fff;font:13px/1.4 system-ui,sans-serif;text-decoration:none"
    '">Back to palette-analytics</a>'
)


def adopted(page: str, tool: str, left: str) -> str:
    """Return the page of a tool as a page of this site, with a way back to it, `left` from the left (CSS).

    Raises CommandError where the page isn't built as it was.
    """
    page = replaced(page, "<head>", f"<head>{_POLICY}", tool)
    before, end, after = page.rpartition("</body>")
    if not end:
        raise CommandError(f"the page of {tool} holds no </body>: docsite/ knows another version of it")
    return f"{before}{_WAY_BACK.format(left=left)}{end}{after}"


def replaced(page: str, old: str, new: str, tool: str) -> str:
    """Return a page with `new` in place of `old`. Raises CommandError where it holds no `old`."""
    if old not in page:
        raise CommandError(f"the page of {tool} holds no {old[:60]!r}: docsite/ knows another version of it")
    return page.replace(old, new)
