"""How the documents become a site with a search: ``scripts/docs`` builds it, and fails on a link that leads nowhere."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from exchange import VERSION

project = "Handover"
release = version = VERSION
extensions = ["myst_parser"]
exclude_patterns = ["conf.py"]
nitpicky = True
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]
html_theme = "furo"
html_title = f"Handover {VERSION}"
html_copy_source = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}

TOP = {"README.md": "readme.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files at the top of the repository that the site has as pages."""


def _as_the_site_has_it(_app: object, _page: str, source: list[str]) -> None:
    """Links to files at the top lead to their pages; a diagram, which would need a foreign script, is its text."""
    for file, page in TOP.items():
        source[0] = source[0].replace(f"](../{file})", f"]({page})")
    for file in ("config/handover.example.yaml", "LICENSE"):
        source[0] = source[0].replace(f"]({file})", f"](../{file})")
    source[0] = source[0].replace("```mermaid", "```text")


def setup(app: Any) -> None:
    app.connect("source-read", _as_the_site_has_it)
    app.connect("include-read", lambda app, _path, page, source: _as_the_site_has_it(app, page, source))
