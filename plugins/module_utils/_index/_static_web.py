# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a static index for people: what it serves, with a search. One file that loads nothing.

It looks like the approver's page (_report). The style and the script are here, because Ansible sends only Python
files of module_utils to a host.
"""

from __future__ import annotations

import html
import typing as t
from urllib.parse import quote

from ansible_collections.airgap.python.plugins.module_utils._index._static_pages import Served
from ansible_collections.airgap.python.plugins.module_utils._text import shown

STYLE = """
:root { color-scheme: light; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --pale: #f6f8fa; --mark: #0b5c8a;
  --warn: #8a4600; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 2rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 650; letter-spacing: -.01em; margin: .2rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; }
.over, .soft, .size { color: var(--soft); }
.over { font-size: .875rem; margin: 0; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .86em;
  background: var(--pale); padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere; }
.search { position: sticky; top: 0; background: #fff; padding: 1rem 0 .6rem; margin-top: 1rem; }
label { display: block; font-size: .875rem; color: var(--soft); margin-bottom: .3rem; }
input { width: 100%; font: inherit; color: inherit; padding: .55rem .8rem; border: 1px solid #8c959f; border-radius: 6px;
  background: #fff; }
input:focus-visible, a:focus-visible, summary:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
#found { font-size: .875rem; color: var(--soft); margin: .4rem 0 0; min-height: 1.4em; }
ul { list-style: none; margin: 0; padding: 0; }
#projects > li { display: grid; grid-template-columns: 17rem 1fr; gap: 0 1.5rem; padding: .65rem 0;
  border-bottom: 1px solid #eaeef2; }
#projects > li[hidden] { display: none; }
.name { font-weight: 600; color: var(--mark); text-decoration: none; overflow-wrap: anywhere; }
.name:hover { text-decoration: underline; }
.versions { color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
details { font-size: .875rem; margin-top: .15rem; }
summary { cursor: pointer; color: var(--soft); width: max-content; max-width: 100%; }
details li { padding: .12rem 0; overflow-wrap: anywhere; }
.withdrawn { color: var(--warn); }
@media (max-width: 44rem) {
  body { font-size: 15px; }
  main { padding: 1.25rem 1rem 3rem; }
  h1 { font-size: 1.45rem; }
  #projects > li { grid-template-columns: 1fr; }
}
@media print { .search { display: none; } main { max-width: none; padding: 0; } }
"""
# Every word of the search must be in the name or the summary; "-", "_" and "." are the same in a name (PEP 503).
SCRIPT = """
(function () {
  var field = document.getElementById("search"), found = document.getElementById("found");
  var rows = Array.prototype.slice.call(document.querySelectorAll("#projects > li"));
  function plain(text) { return text.toLowerCase().replace(/[-_.]+/g, "-"); }
  var texts = rows.map(function (row) { return plain(row.querySelector(".name").textContent + " " + row.querySelector(".about").textContent); });
  function search() {
    var words = plain(field.value).split(/\\s+/), count = 0;
    rows.forEach(function (row, number) {
      var fits = words.every(function (word) { return texts[number].indexOf(word) >= 0; });
      row.hidden = !fits;
      count += fits;
    });
    found.textContent = field.value.trim() ? (count || "No") + (count === 1 ? " project" : " projects") + " found." : "";
  }
  document.querySelector(".search").hidden = false;
  field.addEventListener("input", search);
  search();
})();
"""


class Project(t.NamedTuple):
    """A project as the page shows it: its files in order of their versions, and what it says of itself."""

    name: str
    summary: str
    files: t.Tuple[Served, ...]


def _text(text: str) -> str:
    """Return a stranger's text for HTML: every character visible, and none of it markup."""
    return html.escape(shown(text))


def size(count: int) -> str:
    """Return a size for people."""
    return "%.1f MB" % (count / 1e6) if count >= 1e6 else "%.0f kB" % max(count / 1e3, 1)


def _plural(count: int, one: str) -> str:
    return "%d %s%s" % (count, one, "" if count == 1 else "s")


def _file(served: Served, address: str) -> str:
    rest = size(served.size)
    if served.requires_python:
        rest += ", Python %s" % served.requires_python
    line = '<li><a href="%s">%s</a> <span class="size">%s</span>' % (
        html.escape(address),
        _text(served.filename),
        _text(rest),
    )
    if served.yanked is not None:
        line += ' <span class="withdrawn">withdrawn%s</span>' % _text(": " + served.yanked if served.yanked else "")
    return line + "</li>\n"


def _version(version: str, withdrawn: bool) -> str:
    return _text(version) + (' <span class="withdrawn">(withdrawn)</span>' if withdrawn else "")


def _row(project: Project, index: str, addresses: t.Mapping[str, str]) -> str:
    versions = {one.version: one.yanked is not None for one in reversed(project.files)}
    files = "".join(_file(one, addresses[one.filename]) for one in reversed(project.files))
    return (
        '<li><div><a class="name" href="%s">%s</a> <div class="versions">%s</div></div>\n'
        '<div><div class="about">%s</div><details><summary>%s, %s</summary><ul>\n%s</ul></details></div></li>\n'
        % (
            html.escape(quote("%s/+simple/%s/" % (index, project.name), safe="/+")),
            _text(project.name),
            ", ".join(map(_version, versions, versions.values())),
            _text(project.summary),
            _plural(len(project.files), "file"),
            size(sum(one.size for one in project.files)),
            files,
        )
    )


def render(
    index: str, bundle: str, created: str, projects: t.Sequence[Project], addresses: t.Mapping[str, str]
) -> bytes:
    """Return the page; ``addresses`` are those of the files, by their names, as seen from the page."""
    files = [one for project in projects for one in project.files]
    withdrawn = sum(one.yanked is not None for one in files)
    counts = "%s, %s, %s" % (
        _plural(len(projects), "project"),
        _plural(len(files), "file"),
        size(sum(one.size for one in files)),
    )
    if withdrawn:
        counts += ', <span class="withdrawn">%s withdrawn</span>' % _plural(withdrawn, "file")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>Python packages: %s</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n"
        '<p class="over">Python packages of this site</p>\n<h1>%s</h1>\n<p>%s.</p>\n'
        '<p class="soft">Bundle <code>%s</code>, staged %s.</p>\n'
        '<div class="search" hidden><label for="search">Search in names and summaries</label>\n'
        '<input id="search" type="search" autocomplete="off" spellcheck="false">\n'
        '<p id="found" role="status"></p></div>\n<ul id="projects">\n%s</ul>\n</main>\n<script>%s</script>\n</body>\n</html>\n'
        % (
            _text(index),
            STYLE,
            _text(index),
            counts,
            _text(bundle),
            _text(created.replace("T", ", ").replace("Z", " UTC")),
            "".join(_row(project, index, addresses) for project in projects),
            SCRIPT,
        )
    ).encode("utf-8")
