"""How Sphinx builds the documentation. `scripts/docs` runs it."""

from __future__ import annotations

from heylook_core import __version__

project = "heylook"
author = "the heylook authors"
release = version = __version__
extensions = ["myst_parser"]
exclude_patterns = ["examples"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nitpicky = True
html_theme = "furo"
html_title = f"heylook {__version__}"
html_copy_source = False
html_show_sourcelink = False
