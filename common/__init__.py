"""What every part of this project stands on: settings, paths, terminal, errors, and what one part leaves for another.

It imports no other package of the project, and of palette.py only the version and where a command was called. What one
part writes and others read is here too: the raw zone's runs (`raw_zone.py`: `extract` writes them, `publish` asks what
a build was made of), dbt's artefacts (`dbt.py`) and the releases (`releases.py`, `manifest.py`).
"""

from palette import __version__

__all__ = ["__version__"]
