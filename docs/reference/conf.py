# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes HTML of the pages that antsibull-docs writes (make docs)."""

project = "airgap.python"
author = "The airgap.python authors"
extensions = ["sphinx_antsibull_ext"]
# Nothing is looked up on the internet: without intersphinx, references to Ansible's own pages are plain text.
nitpicky = True
default_role = "any"
highlight_language = "YAML+Jinja"
html_theme = "alabaster"
html_theme_options = {"page_width": "1200px", "sidebar_width": "260px"}
html_copy_source = False
html_show_sphinx = False
html_use_index = False
