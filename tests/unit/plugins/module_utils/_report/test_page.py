# SPDX-License-Identifier: GPL-3.0-or-later
"""The approver's page runs nothing and hides nothing, and untrusted texts stay texts."""

from __future__ import annotations

import html.parser
import re

import jinja2
import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import (
    _audit,
    _changes,
    _contents,
    _license,
    _page,
    _page_html,
    _pip_audit,
)
from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure, _lock
from ansible_collections.airgap.python.plugins.plugin_utils import _page_files
from packaging.version import Version

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u202etxt.exe\x1b[2J"
OSV = {"name": "osv", "url": "https://osv.example/v1/query", "tool": "pip-audit"}
SETS = [
    {"name": "airgap-pip", "targets": ["old"]},
    {"name": "base", "targets": ["old", "new"]},
]
TARGETS = [{"name": "old", "python": "3.9.2"}, {"name": "new", "python": "3.13.5"}]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9q"


def pin(name, version, size=10):
    """Return a pin."""
    return _lock.Pin(name, version, "a" * 64, "%s-%s-py3-none-any.whl" % (name, version), size)


def bundle(pins=(("app", "1"), ("lib", "2")), licence="License-Expression: MIT", edges=None):
    """Return the contents of a bundle whose sets have the same pins."""
    pins = [pin(*one) for one in pins]
    locks = {("base", "old"): pins, ("base", "new"): pins, ("airgap-pip", "old"): [pin("pip", "25")]}
    manifest = _composition.compose(SETS, TARGETS, locks, [], "2026-01-02T03:04:05Z")
    if edges is None:
        edges = [_closure.Edge("", "app", "app"), _closure.Edge("app", "lib", "lib>=1")]
    told = [
        _contents.LockContents(name, target, tuple(found), (), tuple(edges) if name == "base" else ())
        for (name, target), found in sorted(locks.items())
    ]
    licences = {entry["path"]: _license.read(licence + "\n") for entry in manifest["files"]}
    return _contents.Contents(manifest, tuple(told), licences)


def audit(evidence, findings=(), skipped=(), failure="", ignore=()):
    """Return the report of an audit."""
    if failure:
        found = _audit.not_audited(evidence.manifest, OSV, failure)
    else:
        answer = _pip_audit.Answer(list(findings), list(skipped))
        found = _audit.audited(evidence.manifest, OSV, "2026-01-02T04:00:00Z", answer, "")
    return _audit.complete(found, evidence.manifest, _audit.parse_ignore(ignore), "2026-01-02", None)


def finding(**options):
    """Return a finding."""
    one = {"name": "lib", "version": "2", "id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}
    return dict(one, description="It is bad.", **options)


def render_page(*evidence, **options):
    """Return the page for the arguments of _page.plan()."""
    files = map(_page_files.read, (_page_files.REPORT, _page_files.STYLE))
    return _page_html.render(_page.plan(*evidence, **options), *files)


def render(evidence=None, earlier=None, report=None, **options):
    """Return the page."""
    evidence = evidence or bundle()
    changes = _changes.compare(earlier, evidence.manifest, Version)
    return render_page(evidence, report or audit(evidence), changes, **options)


class Reader(html.parser.HTMLParser):
    """Reads what a browser shows."""

    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.words = []
        self.open = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Record a tag."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Check that tags are closed in order."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Record a text."""
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        """The whole visible text, in one line."""
        return " ".join(" ".join(self.words).split())


def test_page_runs_nothing_and_loads_nothing():
    page = render(signers=["alice " + KEY], report=audit(bundle(), [finding(severity="high")]))
    read = Reader(page)
    assert not read.open
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(read.tags)
    assert not [name for name, dummy in read.attributes if name.startswith("on") or name == "src"]
    assert all(value.startswith("#") for name, value in read.attributes if name == "href")
    assert "url(" not in page and "@import" not in page
    assert "default-src 'none'" in page


def test_untrusted_texts_stay_texts():
    evidence = bundle([(HOSTILE, HOSTILE), ("lib", "2")], "License: " + HOSTILE, [_closure.Edge("", HOSTILE, HOSTILE)])
    named = {"name": HOSTILE, "version": HOSTILE}
    one = finding(severity="low")
    one.update(named, id=HOSTILE, aliases=[HOSTILE], fix_versions=[HOSTILE], description=HOSTILE)
    report = audit(
        evidence,
        [one, finding()],
        [dict(named, reason=HOSTILE)],
        ignore=[
            {"id": "CVE-1", "reason": HOSTILE, "until": "2027-01-01"},
            {"id": "CVE-2", "reason": HOSTILE, "until": "2025-01-01"},
        ],
    )
    earlier = bundle([("lib", "1")]).manifest
    changes = _changes.compare(earlier, evidence.manifest, lambda version: version)
    page = render_page(evidence, report, changes, [HOSTILE], ["<img/src=x/onerror=alert(1)> " + KEY], 2)
    page += render(evidence, report=audit(evidence, failure=HOSTILE))
    read = Reader(page)
    assert not {"script", "img"} & set(read.tags)
    assert not [name for name, dummy in read.attributes if name.startswith("on")]
    assert "\u202e" not in page and "\x1b" not in page
    assert "\\u202etxt.exe" in read.text


def test_changes_come_first():
    earlier = bundle([("app", "0.9"), ("gone", "1"), ("lib", "2.1")]).manifest
    page = render(earlier=earlier)
    order = [page.index('id="%s"' % name) for name in ("new", "findings", "licences", "sizes", "trees", "approval")]
    assert order == sorted(order)
    text = Reader(page).text
    assert "app 0.9 → 1 base" in text
    assert "Downgraded 1 Package Version In lib 2.1 → 2 base" in text
    assert "Removed 1 Package Version In gone 1 base" in text
    assert earlier["id"] in text


def test_page_of_the_first_bundle_says_that_all_of_it_is_new():
    assert "This is the first bundle: all of it is new" in Reader(render()).text


def test_page_of_an_unchanged_bundle_says_so():
    assert "Nothing: every set has the same files as before." in Reader(render(earlier=bundle().manifest)).text


def test_not_audited_never_looks_like_no_vulnerabilities():
    page = Reader(render(report=audit(bundle(), failure="osv.example does not resolve"))).text
    assert "Not audited: osv.example does not resolve." in page
    assert "No known vulnerabilities" not in page and "0 known" not in page


def test_partial_answer_names_what_was_skipped():
    page = Reader(render(report=audit(bundle(), skipped=[{"name": "lib", "version": "2", "reason": "who?"}]))).text
    assert "No known vulnerabilities in the 2 that it knows." in page
    assert "Not audited 1 Package Version Why lib 2 who?" in page


def test_findings_are_in_order_of_severity_with_the_version_that_fixes_them():
    findings = [finding(severity="low"), dict(finding(severity="critical"), name="app", version="1")]
    page = Reader(render(report=audit(bundle(), findings))).text
    assert page.index("critical app 1") < page.index("low lib 2")
    assert "fixed in 3; in base" in page and "pip-audit asked osv" in page and "2026-01-02, 04:00 UTC" in page


def test_ignored_finding_is_shown_with_its_reason():
    ignore = [{"id": "CVE-1", "reason": "not used here", "until": "2027-01-01"}]
    page = Reader(render(report=audit(bundle(), [finding()], ignore=ignore))).text
    assert "No known vulnerabilities in them, apart from those that are ignored." in page
    assert "Ignored until 2027-01-01: not used here" in page


def test_unusual_licence_is_marked_and_the_rule_is_stated():
    page = Reader(render(bundle(licence="License-Expression: GPL-3.0-only"))).text
    assert "Unusual 3 Package Declared In app 1 GPL-3.0-only base" in page
    assert "Usual are 0BSD, Apache-2.0" in page
    assert "None is unusual." in Reader(render()).text


def test_tree_shows_each_package_with_its_needs_once_and_ends():
    edges = [("", "app", "app"), ("app", "lib", "lib>=1"), ("lib", "app", "app"), ("", "lib", "lib")]
    page = render(bundle(edges=[_closure.Edge(*edge) for edge in edges]))
    tree = page[page.index('id="trees"') :]
    assert tree.count("&gt;=1") == 1
    assert "↑" in tree
    # Both targets have the same tree.
    assert "<b>base</b> for new, old" in tree


def test_deep_tree_is_shown_whole():
    names = ["p%03d" % number for number in range(300)]
    edges = [_closure.Edge("", names[0], names[0])]
    edges += [_closure.Edge(parent, child, child) for parent, child in zip(names, names[1:])]
    page = render(bundle([(name, "1") for name in names], edges=edges))
    tree = page[page.index('id="trees"') : page.index('id="contents"')]
    assert all('<span class="name">%s</span>' % name in tree for name in names)


def test_folded_parts_are_printed():
    page = render(bundle([("p%d" % number, "1") for number in range(100)], edges=[]))
    assert page.count("<details>") == page.count('</details>\n<div class="fold">') > 0
    assert "@media screen { details:not([open]) + .fold { display: none; } }" in page
    assert len(re.findall(r"\.fold \{[^}]*display: none", page)) == 1


def test_page_says_how_to_verify_and_to_sign():
    page = Reader(render(signers=["alice,bob " + 'valid-before="20271231" ' + KEY, "# comment"], required=2)).text
    assert "ssh-keygen -Y sign -n airgap-bundle -f KEY < SHA256SUMS >> SHA256SUMS.sig" in page
    assert "sha256sum --check --quiet SHA256SUMS sha256sum SHA256SUMS" in page
    assert "cannot contain that sum" in page
    assert "requires 2 signatures" in page
    # As ssh-keygen -l prints it.
    assert 'alice,bob SHA256:FHsTyFHNmvNpw4o7+rp+M1yqMyBF8vXSBRkZtkQ0RKY valid-before="20271231"' in page
    assert "No signers were set" in Reader(render()).text
    assert "(airgap-pip)" in page


def test_page_shows_the_key_that_counts_and_none_from_within_an_option():
    other = KEY[:-4] + "AAAA"
    page = Reader(render(signers=['alice namespaces="x %s y" %s' % (other, KEY)])).text
    assert "SHA256:FHsTyFHNmvNpw4o7+rp+M1yqMyBF8vXSBRkZtkQ0RKY" in page
    assert page.count("SHA256:") == 1


@pytest.mark.parametrize("line", ["alice ssh-ed25519 AAAA", "alice " + KEY + "\nbob " + KEY])
def test_page_is_not_written_with_a_signer_that_the_verification_refuses(line):
    with pytest.raises(AirgapError, match="allowed signer"):
        render(signers=[line])


def test_same_bundle_gives_the_same_page():
    assert render() == render()


@pytest.mark.parametrize(("size", "told"), [(0, "0 kB"), (1234567, "1.2 MB"), (5 * 10**9, "5.00 GB")])
def test_sizes_have_their_unit(size, told):
    assert _page_html.weight(size) == told


def test_untrusted_text_is_never_a_template():
    words = "{{ 7 * 7 }}{% set x = 1 %}{# gone #}"
    found = dict(finding(severity="low"), description=words)
    assert words in Reader(render(report=audit(bundle(), [found]))).text


def test_template_turns_no_escaping_off_and_every_value_of_another_type_is_refused():
    template = _page_files.read(_page_files.REPORT)
    assert not re.search(r"\|\s*safe|autoescape|Markup", template)
    page = _page.plan(bundle(), audit(bundle()), _changes.compare(None, bundle().manifest, Version))
    for wrong in ("{{ page.news }}", "{{ page.vulnerabilities.last_answer }}", "{{ page.nothing }}"):
        with pytest.raises((TypeError, jinja2.UndefinedError)):
            _page_html.render(page, wrong, "")


def test_page_names_locks_and_only_the_set_for_all_its_targets():
    locks = _page.Locks(bundle().locks)
    assert locks.where(["base/old", "base/new", "airgap-pip/old"]) == "airgap-pip (old), base"
    assert locks.where(["base/old", "other/new"]) == "base (old), other"
    assert locks.where([]) == ""
