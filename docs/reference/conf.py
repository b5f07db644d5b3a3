# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes HTML of the pages that antsibull-docs writes (make docs)."""

import re

from docutils import nodes

project = "airgap.python"
author = "The airgap.python authors"
extensions = ["sphinx_antsibull_ext"]
nitpicky = True
default_role = "any"
highlight_language = "YAML+Jinja"
html_theme = "alabaster"
html_theme_options = {"page_width": "1200px", "sidebar_width": "260px"}
html_copy_source = False
html_show_sphinx = False
html_use_index = False

# Where Ansible's own documentation has what the pages refer to. Nothing is looked up on the internet, as intersphinx would.
ANSIBLE = "https://docs.ansible.com/ansible/latest/"
ANSIBLE_PAGES = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "callback_plugins": "plugins/callback.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def link_to_ansible(_app, _env, node, content):
    """Return a link to Ansible's own documentation for a label of it; None, so that Sphinx warns, for any other."""
    label = node.get("reftarget", "")
    builtin = re.fullmatch(r"ansible_collections\.ansible\.builtin\.(\w+_[a-z]+)", label)
    page = "collections/ansible/builtin/%s.html" % builtin.group(1) if builtin else ANSIBLE_PAGES.get(label)
    return nodes.reference("", "", content, refuri=ANSIBLE + page) if page else None


def setup(app):
    """Let Sphinx ask for labels that these pages do not have."""
    app.connect("missing-reference", link_to_ansible)
