"""dbt's own documentation, as one page that works from the disk.

`dbt docs generate --static` makes nearly that. Its page asks for pictures under names that were never filled in, which
is an error in the browser's console; a `</script>` in a description ends the script that holds it; and a description
may hold HTML, which the page would take as such.
"""

import json
import re
from pathlib import Path
from typing import Any

from docsite.foreign import adopted, replaced
from docsite.project import Project

_INLINE = {"manifest": '"MANIFEST.JSON INLINE DATA"', "catalog": '"CATALOG.JSON INLINE DATA"'}
_MENDED = {
    """href="${require('./assets/favicons/favicon.ico')}\"""": 'href="data:,"',
    '<link rel="canonical" href="/overview/"/>': "",
    # The browser follows xlink:href before Angular has filled it in.
    'xlink:href="{{': 'ng-attr-href="{{',
}


def write_dbt_docs(project: Project, target: Path, path: Path) -> None:
    """Write the page. Raises CommandError where dbt's `index.html` isn't the one that is known."""
    page = adopted((target / "index.html").read_text(encoding="utf-8"), "dbt", "1.2rem")
    for old, new in _MENDED.items():
        page = replaced(page, old, new, "dbt")
    for name, place in _INLINE.items():
        page = replaced(page, place, _as_script(_harmless(getattr(project, name))), "dbt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _as_script(content: Any) -> str:
    """Return JSON that can stand in a script, whatever its texts hold."""
    return json.dumps(content).replace("<", "\\u003c")


def _harmless(value: Any, name: str = "") -> Any:
    """Return an artefact whose descriptions hold no HTML, and that doesn't tell where on the disk it was made."""
    if isinstance(value, dict):
        return {key: _harmless(content, key) for key, content in value.items() if key != "root_path"}
    if isinstance(value, list):
        return [_harmless(content, name) for content in value]
    return without_html(value) if name in ("description", "block_contents") and isinstance(value, str) else value


def without_html(markdown: str) -> str:
    """Return Markdown in which a `<` is a `<`. In code it is one already."""
    pieces = re.split(r"(`[^`\n]+`)", markdown)
    return "".join(piece if index % 2 else piece.replace("<", "&lt;") for index, piece in enumerate(pieces))
