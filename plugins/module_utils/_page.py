# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page for the one who approves a bundle: plain HTML that needs nothing else and runs nothing.

Everything that comes from a package or a service is a stranger's text. It goes
through text(), which leaves neither markup nor characters that show something
else than they are. No I/O happens here.
"""

from __future__ import annotations

import html
import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import (
    _audit,
    _changes,
    _dependencies,
    _license,
    _signature,
)
from ansible_collections.airgap.python.plugins.module_utils._evidence import Evidence, LockEvidence
from ansible_collections.airgap.python.plugins.module_utils._text import shown

# More rows than this are folded on the screen.
MANY = 40
LARGEST = 12
# A deeper tree is told as a list.
DEEPEST = 24
TOOL_SETS = "airgap-"
KINDS = {
    "added": "Added",
    "upgraded": "Upgraded",
    "downgraded": "Downgraded",
    "replaced": "Replaced by another file of the same version",
    "removed": "Removed",
}

# Nobody said how bad it is.
WORDS = {"unknown": "not rated"}

STYLE = """
:root { color-scheme: light; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --pale: #f6f8fa; --mark: #0b5c8a;
  --bad: #a40e26; --warn: #8a4600; --good: #116329; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 2rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 650; letter-spacing: -.01em; margin: .2rem 0 .5rem; }
h2 { font-size: 1.25rem; line-height: 1.3; font-weight: 650; margin: 3rem 0 .75rem; padding-top: .9rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; font-weight: 650; margin: 1.75rem 0 .4rem; }
p { margin: .5rem 0; max-width: 46rem; }
a { color: inherit; text-decoration: none; }
code, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .86em; }
code { background: var(--pale); padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere; }
pre { background: var(--pale); border: 1px solid var(--line); border-radius: 6px; padding: .75rem 1rem; margin: .6rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere; }
pre code { background: none; padding: 0; font-size: .84rem; }
.soft { color: var(--soft); font-weight: 400; }
.small { font-size: .875rem; }
.over { color: var(--soft); font-size: .875rem; margin: 0; }
.id { overflow-wrap: anywhere; }
.count { color: var(--soft); font-weight: 400; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); border: 1px solid var(--line); border-radius: 8px;
  margin: 1.75rem 0 0; overflow: hidden; }
.tile { display: block; padding: .9rem 1.1rem 1rem; border-left: 1px solid var(--line); }
.tile:first-child { border-left: 0; }
.tile b { display: block; font-size: 1.6rem; line-height: 1.25; font-weight: 650; }
.tile span { display: block; color: var(--soft); font-size: .875rem; line-height: 1.4; }
.tile .label { color: var(--ink); }
.bad b, .bad-text { color: var(--bad); }
.warn b, .warn-text { color: var(--warn); }
.good b, .good-text { color: var(--good); }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 .8rem; }
th { text-align: left; font-weight: 500; font-size: .8125rem; color: var(--soft); padding: .3rem .75rem .3rem 0;
  border-bottom: 1px solid var(--line); vertical-align: bottom; }
td { padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #eaeef2; vertical-align: baseline; }
table.thirds { table-layout: fixed; }
table.contents th:nth-child(1) { width: 54%; }
table.licences th:nth-child(1) { width: 24%; }
.alias { display: inline-block; max-width: 100%; }
table.thirds th:nth-child(1) { width: 32%; }
table.thirds th:nth-child(2) { width: 28%; }
th.share { width: 46%; }
.n + .where { padding-left: .75rem; }
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; }
td.name, span.name { font-weight: 550; overflow-wrap: anywhere; }
.v { overflow-wrap: anywhere; }
td.where, p.where { color: var(--soft); font-size: .875rem; }
.sum { color: var(--soft); font-weight: 400; font-size: .72rem; line-height: 1.4; overflow-wrap: anywhere; display: block; }
.bar { display: block; height: .5rem; background: #9dc3dc; border-radius: 2px; min-width: 2px;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.note { border-left: 4px solid var(--line); padding: .6rem 1rem; margin: .75rem 0; background: var(--pale);
  border-radius: 0 6px 6px 0; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.note p { margin: .2rem 0; }
.note.warn { border-color: #d4a72c; background: #fff8e5; }
.note.bad { border-color: #cf222e; background: #fff1f0; }
.note.good { border-color: #2da44e; background: #effaf1; }
.finding { display: grid; grid-template-columns: 6.5rem 1fr; gap: 0 1rem; padding: .8rem 0;
  border-bottom: 1px solid #eaeef2; break-inside: avoid; }
.finding p { margin: .15rem 0; }
.badge { display: inline-block; font-size: .78rem; line-height: 1.3; font-weight: 600; padding: .16rem .55rem; border-radius: 99px;
  border: 1px solid currentColor; white-space: nowrap; }
.critical { color: #fff; background: #a40e26; border-color: #a40e26; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.high { color: #a40e26; background: #fff1f0; }
.medium { color: #8a4600; background: #fff8e5; }
.low { color: #57606a; }
.unknown { color: #57606a; border-style: dashed; }
details { margin: .35rem 0 0; }
summary { cursor: pointer; padding: .4rem 0; border-bottom: 1px solid var(--line); }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
summary b { font-weight: 600; }
/* What is folded stands behind its details element, so that a printer shows it in any browser. */
.fold { padding-top: .25rem; }
ul.tree, ul.tree ul { list-style: none; margin: 0; padding: 0; }
ul.tree { margin: .4rem 0 1rem; }
ul.tree ul { margin-left: .45rem; padding-left: .95rem; border-left: 1px solid var(--line); }
ul.tree li { padding: .1rem 0; }
ul.plain { margin: .5rem 0; padding-left: 1.1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: .75rem 0 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media screen { details:not([open]) + .fold { display: none; } }
@media (max-width: 44rem) {
  body { font-size: 15px; }
  main { padding: 1.25rem 1rem 3rem; }
  h1 { font-size: 1.45rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .tile { padding: .7rem .8rem .8rem; }
  .tile:nth-child(odd) { border-left: 0; }
  .tile:nth-child(n+3) { border-top: 1px solid var(--line); }
  .tile b { font-size: 1.35rem; }
  .finding { grid-template-columns: 1fr; gap: .35rem; }
  .wide { display: none; }
  table.contents th:nth-child(1) { width: auto; }
  table.stack thead { display: none; }
  table.stack tr { display: block; padding: .45rem 0; border-bottom: 1px solid #eaeef2; }
  table.stack td { display: inline; border: 0; padding: 0 .4rem 0 0; }
  table.stack td.where { display: block; padding: 0; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
}
@media print {
  @page { margin: 16mm 15mm; }
  body { font-size: 10pt; line-height: 1.4; }
  main { max-width: none; padding: 0; }
  h1 { font-size: 18pt; } h2 { font-size: 13pt; margin-top: 1.6rem; } h2, h3, summary { break-after: avoid; }
  tr, .note { break-inside: avoid; }
  .small, td.where, p.where { font-size: .92em; }
  ul.tree { columns: 2; column-gap: 1.5rem; font-size: 8.5pt; line-height: 1.3; }
  ul.tree li { padding: 0; }
  table.contents { font-size: 8.5pt; line-height: 1.3; }
  table.contents td { padding-top: .2rem; padding-bottom: .2rem; }
  .sum { font-size: 6.5pt; line-height: 1.25; }
  .tiles { break-inside: avoid; }
  thead { display: table-header-group; }
  summary { list-style: none; }
  summary::-webkit-details-marker { display: none; }
}
"""


def text(value: t.Any) -> str:
    """Return a stranger's text as HTML: no markup, and no character that hides, reorders or breaks what stands there."""
    return html.escape(shown(str(value)), quote=True)


def moment(stamp: t.Any) -> str:
    """Return a time of RFC 3339 as people read it."""
    match = re.match(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?Z$", str(stamp))
    return text("%s, %s UTC" % match.groups() if match else stamp)


def number(count: int) -> str:
    """Return a number with thin spaces between thousands."""
    return "{:,}".format(count).replace(",", "\u202f")


def megabytes(size: int) -> str:
    """Return a size in millions of bytes, with two decimals, so that a column of them is in line."""
    return "{:,.2f}".format(size / 1e6).replace(",", "\u202f")


def weight(size: int) -> str:
    """Return a size with its unit, for a sentence."""
    if size >= 1e9:
        return "%.2f GB" % (size / 1e9)
    return "%.1f MB" % (size / 1e6) if size >= 1e6 else "%.0f kB" % (size / 1e3)


def plural(count: int, one: str, more: str = "") -> str:
    """Return a number with its noun."""
    return "%s %s" % (number(count), one if count == 1 else more or one + "s")


def table(head: t.Sequence[t.Tuple[str, str]], rows: t.Iterable[t.Sequence[str]], kind: str = "") -> str:
    """Return a table of ready cells; ``head`` has (title, class of the column)."""
    parts = ['<table class="%s"><thead><tr>' % kind]
    parts += ['<th class="%s" scope="col">%s</th>' % (style, title) for title, style in head]
    parts.append("</tr></thead><tbody>")
    for row in rows:
        cells = ['<td class="%s">%s</td>' % (style, cell) for cell, (dummy, style) in zip(row, head)]
        parts.append("<tr>%s</tr>" % " ".join(cells))
    parts.append("</tbody></table>")
    return "\n".join(parts)


def fold(summary: str, body: str, is_open: bool = False) -> str:
    """Return a part that can be folded on the screen and that a printer shows."""
    state = " open" if is_open else ""
    return '<details%s><summary>%s</summary></details>\n<div class="fold">%s</div>' % (state, summary, body)


def note(kind: str, *sentences: str) -> str:
    """Return a box with ready sentences."""
    return '<div class="note %s">%s</div>' % (kind, "".join("<p>%s</p>" % one for one in sentences))


class Page:
    """One page; render() writes it."""

    def __init__(
        self,
        evidence: Evidence,
        audit: t.Mapping[str, t.Any],
        changes: t.Mapping[str, t.Any],
        usual: t.Sequence[str],
        signers: t.Sequence[str],
        required: int,
    ) -> None:
        self.evidence = evidence
        self.manifest = evidence.manifest
        self.files = self.manifest["files"]
        self.audit = audit
        self.changes = changes
        self.usual = usual
        self.signers = _signature.allowed_signers(signers)
        self.required = required
        self.targets: t.Dict[str, t.List[str]] = {}
        for lock in evidence.locks:
            self.targets.setdefault(lock.set, []).append(lock.target)
        self.unusual = [entry for entry in self.files if not _license.is_usual(evidence.licenses[entry["path"]], usual)]

    def where(self, labels: t.Iterable[str]) -> str:
        """Return the locks ("set/target") as a text: a set alone where all its targets are meant."""
        found: t.Dict[str, t.List[str]] = {}
        for label in labels:
            name, dummy, target = label.partition("/")
            found.setdefault(name, []).append(target)
        parts = []
        for name, targets in sorted(found.items()):
            if set(targets) >= set(self.targets.get(name, targets)) and len(self.targets.get(name, ())) != 1:
                parts.append(text(name))
            else:
                parts.append("%s (%s)" % (text(name), ", ".join(text(one) for one in sorted(targets))))
        return ", ".join(parts)

    def users(self, entry: t.Mapping[str, t.Any]) -> str:
        """Return who uses a file."""
        labels = ["%s/%s" % (one["set"], one["target"]) for one in entry["used_by"]]
        return self.where(labels) or "no lock any more"

    def render(self) -> str:
        """Return the whole page."""
        body = "\n".join(
            [
                self.head(),
                self.news(),
                self.findings(),
                self.licences(),
                self.sizes(),
                self.trees(),
                self.contents(),
                self.approval(),
            ]
        )
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            "<title>Bundle %s</title>\n<style>%s</style></head>\n<body><main>\n%s\n</main></body></html>\n"
            % (text(self.manifest["id"]), STYLE, body)
        )

    def head(self) -> str:
        """Return title and figures."""
        counts = self.changes["counts"]
        total = sum(counts.values())
        told = ["%s %s" % (number(counts[kind]), kind) for kind in _changes.KINDS if counts[kind]]
        first = self.changes["against"] is None
        tiles = [
            self.tile(
                "#new",
                "",
                number(total),
                "new, in the first bundle" if first else "changed since last time",
                "packages" if first else ", ".join(told) or "nothing",
            ),
            self.findings_tile(),
            self.tile(
                "#licences",
                "warn" if self.unusual else "good",
                number(len({entry["name"] for entry in self.unusual})),
                "with an unusual licence",
                "of %s" % plural(len({entry["name"] for entry in self.files}), "package"),
            ),
            self.tile(
                "#sizes",
                "",
                weight(sum(entry["size"] for entry in self.files)),
                plural(len(self.files), "file"),
                "for %s and %s"
                % (plural(len(self.manifest["sets"]), "set"), plural(len(self.manifest["targets"]), "target")),
            ),
        ]
        against = self.changes["against"] or {}
        compared = "the first one; there is none before it"
        if against:
            compared = '<span class="mono id">%s</span>' % text(against.get("id"))
            if against.get("created"):
                compared += " of %s" % moment(against["created"])
        base = self.manifest.get("base")
        rows = [
            ("Id", '<span class="mono id">%s</span>' % text(self.manifest["id"])),
            ("Created", moment(self.manifest["created"])),
            ("Compared with", compared),
        ]
        if base:
            rows.append(("Adds to", '<span class="mono id">%s</span>' % text(base)))
        listed = "".join("<dt>%s</dt><dd>%s</dd>" % row for row in rows)
        return (
            '<header><p class="over">Python packages for approval</p><h1>Bundle %s</h1><dl>%s</dl></header>\n'
            '<nav class="tiles" aria-label="Summary">%s</nav>'
            % (text(self.manifest["id"][:12]), listed, "\n".join(tiles))
        )

    @staticmethod
    def tile(link: str, kind: str, figure: str, label: str, rest: str) -> str:
        """Return one figure of the summary."""
        return '<a class="tile %s" href="%s"><b>%s</b><span class="label">%s</span><span>%s</span></a>' % (
            kind,
            link,
            figure,
            label,
            rest,
        )

    def findings_tile(self) -> str:
        """Return the figure of the audit."""
        if self.audit["status"] == _audit.NOT:
            return self.tile("#findings", "warn", "Not audited", "vulnerabilities", "nothing is known")
        counts = self.audit["counts"]
        total = sum(counts[severity] for severity in _audit.SEVERITIES)
        told = [
            "%d %s" % (counts[severity], WORDS.get(severity, severity))
            for severity in _audit.SEVERITIES
            if counts[severity]
        ]
        if self.audit["skipped"]:
            told.append("%d not audited" % len(self.audit["skipped"]))
        kind = "bad" if total else "warn" if self.audit["skipped"] else "good"
        label = "known vulnerability" if total == 1 else "known vulnerabilities"
        return self.tile("#findings", kind, number(total), label, ", ".join(told) or "all versions audited")

    def news(self) -> str:
        """Return what is new since last time."""
        parts = ['<h2 id="new">New since last time</h2>']
        gone = [lock for lock in self.changes["locks"] if lock["lock"] == "gone"]
        fresh = [lock for lock in self.changes["locks"] if lock["lock"] == "new"]
        if self.changes["against"] is None:
            parts.append(
                "<p>This is the first bundle: all of it is new. What it holds is listed under "
                '<a href="#contents"><u>Everything in it</u></a>.</p>'
            )
            return "\n".join(parts)
        if not any(self.changes["counts"].values()) and not gone and not fresh:
            parts.append("<p>Nothing: every set has the files that it had.</p>")
        size = sum(one["size"] for one in self.changes["files"]["new"])
        if self.changes["files"]["new"]:
            parts.append(
                "<p>%s with %s were not in the bundle before.</p>"
                % (plural(len(self.changes["files"]["new"]), "file"), weight(size))
            )
        for locks, words in ((fresh, "New sets or targets"), (gone, "No longer there")):
            if locks:
                listed = ", ".join(text("%s for %s" % (lock["set"], lock["target"])) for lock in locks)
                parts.append("<p>%s: %s.</p>" % (words, listed))
        if not self.changes["per_lock"]:
            parts.append(
                '<p class="soft">The base is an inventory, which does not say which set had which file. '
                "Each set is compared with all its files.</p>"
            )
        for kind in _changes.KINDS:
            found = _changes.group(self.changes["locks"], kind)
            if found:
                parts.append(self.news_of(kind, found))
        return "\n".join(parts)

    def news_of(self, kind: str, found: t.Sequence[t.Mapping[str, t.Any]]) -> str:
        """Return one kind of change."""
        rows = []
        for one in found:
            version = " → ".join(text(part) for part in (one["from"], one["to"]) if part)
            if kind == "replaced":
                version = text(one["to"])
            rows.append([text(one["name"]), version, self.where(one["locks"])])
        body = table([("Package", "name"), ("Version", "v"), ("In", "where")], rows, "stack thirds")
        style = ' class="warn-text"' if kind in ("downgraded", "replaced") else ""
        title = "<span%s>%s</span>" % (style, KINDS[kind])
        count = '<span class="count">%s</span>' % number(len(found))
        if len(found) > MANY:
            return fold("<b>%s</b> %s" % (title, count), body)
        return "<h3>%s %s</h3>\n%s" % (title, count, body)

    def findings(self) -> str:
        """Return what the vulnerability service said."""
        audit = self.audit
        parts = ['<h2 id="findings">Known vulnerabilities</h2>']
        service = '%s (<span class="id">%s</span>)' % (text(audit["service"]["name"]), text(audit["service"]["url"]))
        if audit["status"] == _audit.NOT:
            parts.append(
                note(
                    "warn",
                    '<b class="warn-text">Not audited:</b> %s.' % text(audit["reason"]).rstrip("."),
                    "Nothing is known about vulnerabilities in this bundle. That is not the same as none.",
                )
            )
            if audit["earlier"]:
                parts.append(self.earlier(audit["earlier"]))
        else:
            counted = [one for one in audit["findings"] if not one["ignored"]]
            asked = "pip-audit asked %s on %s about %s." % (
                service,
                moment(audit["asked"]),
                plural(len(audit["versions"]), "version"),
            )
            answered = len(audit["versions"]) - len(
                [one for one in audit["skipped"] if "%(name)s==%(version)s" % one in audit["versions"]]
            )
            if not counted:
                besides = " besides what is ignored" if audit["findings"] else ""
                among = "them" if answered == len(audit["versions"]) else "the %s that it knows" % number(answered)
                kind = "warn" if audit["skipped"] else "good"
                parts.append(note(kind, "No known vulnerabilities in %s%s." % (among, besides), asked))
            else:
                parts.append("<p>%s</p>" % asked)
            if counted and audit["severities"]:
                parts.append('<p class="soft small">Severities: %s.</p>' % text(audit["severities"]))
            parts += [self.finding(one) for one in counted]
        parts.append(self.skipped())
        ignored = [one for one in audit["findings"] if one["ignored"]]
        if ignored:
            parts.append('<h3>Ignored by the site <span class="count">%d</span></h3>' % len(ignored))
            parts += [self.finding(one) for one in ignored]
        expired = audit["ignore"]["expired"]
        if expired:
            listed = "".join(
                "<li><b>%s</b>, until %s: %s</li>" % (text(one["id"]), text(one["until"]), text(one["reason"]))
                for one in expired
            )
            parts.append('<h3>Was ignored, and counts again</h3><ul class="plain">%s</ul>' % listed)
        return "\n".join(part for part in parts if part)

    def finding(self, one: t.Mapping[str, t.Any]) -> str:
        """Return one finding."""
        aliases = ['<span class="alias">%s</span>' % text(alias) for alias in one["aliases"] if alias != one["id"]]
        mended = ", ".join(text(version) for version in one["fix_versions"])
        lines = [
            '<p><span class="name">%s %s</span> &nbsp;<span class="mono alias">%s</span>%s</p>'
            % (
                text(one["name"]),
                text(one["version"]),
                text(one["id"]),
                ' <span class="soft small">%s</span>' % ", ".join(aliases) if aliases else "",
            ),
            "<p>%s</p>" % text(one["description"]),
            '<p class="where">%s; in %s</p>'
            % ("mended in " + mended if mended else "no version mends it", self.where(one["used_by"]) or "no lock"),
        ]
        if one["ignored"]:
            lines.append(
                "<p>Ignored until %s: %s</p>" % (text(one["ignored"]["until"]), text(one["ignored"]["reason"]))
            )
        return '<div class="finding"><div><span class="badge %s">%s</span></div><div>%s</div></div>' % (
            text(one["severity"]),
            text(WORDS.get(one["severity"], one["severity"])),
            "".join(lines),
        )

    def earlier(self, report: t.Mapping[str, t.Any]) -> str:
        """Return what was known the last time that a service answered about the same versions."""
        found = plural(len(report["findings"]), "vulnerability", "vulnerabilities") if report["findings"] else "none"
        head = "<h3>The last answer about these versions</h3><p>%s, %s: it knew of %s.</p>" % (
            moment(report["asked"]),
            text(report["service"]["name"]),
            found,
        )
        users = _audit.users_of(self.files)
        cards = []
        for one in report["findings"]:
            known = dict(one, used_by=users.get((one["name"], one["version"]), []))
            cards.append(self.finding(known))
        return head + "\n".join(cards)

    def skipped(self) -> str:
        """Return the versions about which nothing is known although the service answered."""
        found = self.audit["skipped"]
        if not found:
            return ""
        rows = [[text(one["name"]), text(one["version"]), text(one["reason"])] for one in found]
        body = table([("Package", "name"), ("Version", "v"), ("Why", "where")], rows, "stack thirds")
        title = 'Not audited <span class="count">%s</span>' % number(len(found))
        return fold("<b>%s</b>" % title, body) if len(found) > MANY else "<h3>%s</h3>%s" % (title, body)

    def licences(self) -> str:
        """Return the licences, the unusual ones first."""
        parts = ['<h2 id="licences">Licences</h2>']
        if self.unusual:
            by_package: t.Dict[t.Tuple[str, str, str], t.Set[str]] = {}
            for entry in self.unusual:
                declared = self.evidence.licenses[entry["path"]]
                key = (entry["name"], entry["version"], declared.text)
                labels = {"%s/%s" % (one["set"], one["target"]) for one in entry["used_by"]}
                by_package.setdefault(key, set()).update(labels)
            rows = [
                [
                    "%s %s" % (text(name), text(version)),
                    '<span class="warn-text">%s</span>' % text(words),
                    self.where(labels) or "no lock any more",
                ]
                for (name, version, words), labels in sorted(by_package.items())
            ]
            parts.append('<h3>Unusual <span class="count">%s</span></h3>' % number(len(rows)))
            parts.append(table([("Package", "name"), ("Declared", ""), ("In", "where")], rows, "stack thirds"))
        else:
            parts.append("<p>None is unusual.</p>")
        parts.append(
            '<p class="small soft">Usual are %s. Of alternatives (OR), one that is usual suffices; of licences that hold '
            "together, all must be. What is declared otherwise, in no words that are known, or not at all, is unusual. "
            "These are the projects' own words: nobody has read their licence texts.</p>"
            % ", ".join(text(one) for one in sorted(self.usual, key=str.lower))
        )
        usual: t.Dict[str, t.Set[str]] = {}
        marked = {entry["path"] for entry in self.unusual}
        for entry in self.files:
            if entry["path"] not in marked:
                usual.setdefault(self.evidence.licenses[entry["path"]].text, set()).add(entry["name"])
        rows = [
            [text(name), number(len(projects)), ", ".join(text(one) for one in sorted(projects))]
            for name, projects in sorted(usual.items(), key=lambda item: (-len(item[1]), item[0]))
        ]
        head = [("Declared", "name"), ("Packages", "n"), ("Which", "where")]
        if rows:
            count = '<span class="count">%s</span>' % plural(len(rows), "wording")
            parts.append(fold("<b>Usual</b> %s" % count, table(head, rows, "stack licences"), len(self.files) <= MANY))
        return "\n".join(parts)

    def sizes(self) -> str:
        """Return how large sets and packages are."""
        rows = []
        for name in sorted(self.targets):
            mine = [entry for entry in self.files if any(user["set"] == name for user in entry["used_by"])]
            tool = ' <span class="soft small">tool set</span>' if name.startswith(TOOL_SETS) else ""
            rows.append(
                [
                    text(name) + tool,
                    number(len({entry["name"] for entry in mine})),
                    number(len(mine)),
                    megabytes(sum(entry["size"] for entry in mine)),
                ]
            )
        unused = [entry for entry in self.files if not entry["used_by"]]
        if unused:
            rows.append(
                [
                    '<span class="soft">in no lock any more</span>',
                    number(len({entry["name"] for entry in unused})),
                    number(len(unused)),
                    megabytes(sum(entry["size"] for entry in unused)),
                ]
            )
        rows.append(
            [
                "<b>Bundle</b>",
                "<b>%s</b>" % number(len({entry["name"] for entry in self.files})),
                "<b>%s</b>" % number(len(self.files)),
                "<b>%s</b>" % megabytes(sum(entry["size"] for entry in self.files)),
            ]
        )
        head = [("Set", "name"), ("Packages", "n"), ("Files", "n"), ("MB", "n")]
        parts = ['<h2 id="sizes">Sizes</h2>', table(head, rows)]
        parts.append(
            '<p class="small soft">A file that several sets use counts in each of them and once in the bundle.</p>'
        )
        packages: t.Dict[str, t.List[int]] = {}
        for entry in self.files:
            packages.setdefault(entry["name"], []).append(entry["size"])
        largest = sorted(packages.items(), key=lambda item: (-sum(item[1]), item[0]))[:LARGEST]
        top = max([sum(sizes) for dummy, sizes in largest] or [1]) or 1
        rows = [
            [
                text(name),
                '<span class="bar" style="width:%.1f%%"></span>' % (100.0 * sum(sizes) / top),
                number(len(sizes)),
                megabytes(sum(sizes)),
            ]
            for name, sizes in largest
        ]
        parts.append("<h3>The largest packages</h3>")
        parts.append(table([("Package", "name"), ("", "share wide"), ("Files", "n"), ("MB", "n")], rows))
        return "\n".join(parts)

    def trees(self) -> str:
        """Return who needs whom in each set; targets that have the same tree share one."""
        parts = ['<h2 id="trees">Who needs whom</h2>']
        parts.append(
            '<p class="small soft">By set, from its requirements down. A package whose needs are shown above is marked ↑. '
            "Targets with the same tree share it.</p>"
        )
        groups: t.Dict[t.Any, t.List[LockEvidence]] = {}
        for lock in self.evidence.locks:
            key = (lock.set, lock.edges, tuple((pin.name, pin.version) for pin in lock.pins))
            groups.setdefault(key, []).append(lock)
        small = sum(len(locks[0].pins) for locks in groups.values()) <= MANY
        for locks in groups.values():
            names = ", ".join(text(lock.target) for lock in locks)
            count = '<span class="count">%s</span>' % plural(len(locks[0].pins), "package")
            parts.append(fold("<b>%s</b> for %s %s" % (text(locks[0].set), names, count), tree(locks[0]), small))
        return "\n".join(parts)

    def contents(self) -> str:
        """Return every file."""
        rows = []
        for entry in sorted(self.files, key=lambda one: (one["name"], one["version"], one["path"])):
            declared = self.evidence.licenses[entry["path"]]
            rows.append(
                [
                    '%s <span class="v">%s</span><span class="sum mono">%s<br>%s</span>'
                    % (
                        text(entry["name"]),
                        text(entry["version"]),
                        text(os.path.basename(entry["path"])),
                        text(entry["sha256"]),
                    ),
                    text(declared.text),
                    self.users(entry),
                    megabytes(entry["size"]),
                ]
            )
        head = [("Package, file, SHA-256", "name"), ("Licence", "wide"), ("In", "where wide"), ("MB", "n")]
        count = '<span class="count">%s</span>' % plural(len(rows), "file")
        return '<h2 id="contents">Everything in it</h2>\n' + fold(
            "<b>Files</b> %s" % count, table(head, rows, "contents"), len(rows) <= MANY
        )

    def approval(self) -> str:
        """Return what to compare and how to sign."""
        tools = ", ".join(text(name) for name in sorted(self.targets) if name.startswith(TOOL_SETS))
        parts = [
            '<h2 id="approval">Sums and signatures</h2>',
            "<p>The id above stands for the sets, the targets and every file with its SHA-256. <code>SHA256SUMS</code> stands "
            "for all that, for the locks, and for these reports. This page is one of the files under it and cannot hold its "
            "sum. In the bundle's folder, check that all is whole, and print the sum to compare with the one that "
            "whoever staged it tells you:</p>",
            "<pre><code>sha256sum --check --quiet SHA256SUMS\nsha256sum SHA256SUMS</code></pre>",
            "<p>A signature approves just these bytes. Each officer adds one, with an SSH key:</p>",
            "<pre><code>ssh-keygen -Y sign -n airgap-bundle -f KEY &lt; SHA256SUMS &gt;&gt; SHA256SUMS.sig</code></pre>",
        ]
        if self.signers:
            need = plural(self.required, "signature") if self.required else "no signature"
            parts.append("<h3>Whose signature counts</h3><p>The inside asks for %s by these keys.</p>" % need)
            rows = [
                [text(one.principals), '<span class="mono">%s</span>' % text(one.key), text(one.options)]
                for one in self.signers
            ]
            parts.append(table([("Signer", "name"), ("Key", "id"), ("Limits", "where")], rows, "stack thirds"))
        else:
            parts.append(
                '<p class="warn-text">No signers were named when this was staged. Whose signature counts is decided inside '
                "(<code>publish_allowed_signers</code>).</p>"
            )
        parts.append(
            '<p class="small soft">For machines: <code>reports/sbom.cdx.json</code> lists every file, with those of the tool '
            "sets (%s); <code>reports/audit.json</code> has the findings and <code>reports/changes.json</code> the changes for "
            "each set and target.</p>" % (tools or "none")
        )
        return "\n".join(parts)


def tree(lock: LockEvidence) -> str:
    """Return a lock's tree as nested lists, each package with its needs once."""
    versions = {pin.name: pin.version for pin in lock.pins}
    children: t.Dict[str, t.Dict[str, t.List[str]]] = {}
    for edge in lock.edges:
        children.setdefault(edge.parent, {}).setdefault(edge.child, []).append(edge.requirement)
    shown: t.Set[str] = set()
    deeper: t.List[str] = []

    def item(name: str, asked: t.Sequence[str], depth: int) -> str:
        wanted = ", ".join(sorted({_dependencies.wanted(one) for one in asked} - {""}))
        line = '<span class="name">%s</span> %s' % (text(name), text(versions.get(name, "")))
        if wanted:
            line += ' <span class="soft small">%s</span>' % text(wanted)
        below = children.get(name)
        if not below:
            return "<li>%s</li>" % line
        if depth > DEEPEST and name not in shown:
            deeper.append(name)
            return '<li>%s <span class="soft" title="shown below">↓</span></li>' % line
        if name in shown:
            return '<li>%s <span class="soft" title="shown above">↑</span></li>' % line
        shown.add(name)
        inner = "".join(item(child, below[child], depth + 1) for child in sorted(below))
        return "<li>%s\n<ul>%s</ul></li>" % (line, inner)

    roots = children.get("", {})
    items = [item(name, roots[name], 0) for name in sorted(roots)]
    for name in deeper:
        # Grows while it is walked.
        if name not in shown:
            items.append(item(name, (), 0))
    reached = set(roots) | {child for parent in children.values() for child in parent}
    items += ["<li>%s %s</li>" % (text(name), text(versions[name])) for name in sorted(set(versions) - reached)]
    return '<ul class="tree">%s</ul>' % "\n".join(items)


def render(
    evidence: Evidence,
    audit: t.Mapping[str, t.Any],
    changes: t.Mapping[str, t.Any],
    usual: t.Sequence[str] = _license.USUAL,
    signers: t.Sequence[str] = (),
    required: int = 0,
) -> str:
    """Return the page.

    ``audit`` and ``changes`` are what audit.json and changes.json hold,
    ``usual`` SPDX ids, ``signers`` lines of an allowed signers file, and
    ``required`` how many of them must sign.
    """
    return Page(evidence, audit, changes, usual, signers, required).render()
