# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of a lock in plain text: the same lock gives the same lines, and each package shows its needs once."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._report import _contents, _dependencies
from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure, _lock


def lock(edges, names=(), target="old"):
    """Return a lock with edges given as (parent, child, requirement)."""
    edges = [_closure.Edge(*edge) for edge in edges]
    names = sorted(set(names) | {edge.child for edge in edges})
    pins = tuple(_lock.Pin(name, "1.0", "a" * 64, name + "-1.0-py3-none-any.whl", 1) for name in names)
    return _contents.LockContents("base", target, pins, (), tuple(edges))


def test_tree_looks_like_that_of_pipdeptree():
    edges = [("", "app", "app"), ("app", "lib", "lib>=1"), ("app", "web", "web[fast]"), ("web", "lib", "lib")]
    edges += [("lib", "deep", "deep<2"), ("lib", "deep", "deep[x]")]
    assert _dependencies.lines(lock(edges, ["spare"])) == [
        "app==1.0",
        "  - lib [required: >=1, installed: 1.0]",
        "    - deep [required: <2 and [x], installed: 1.0]",
        "  - web [required: [fast], installed: 1.0]",
        "    - lib [required: Any, installed: 1.0] (above)",
        "spare==1.0",
    ]


def test_circle_and_long_chain_end():
    circle = [("", "a", "a"), ("a", "b", "b"), ("b", "a", "a")]
    assert _dependencies.lines(lock(circle))[-1] == "    - a [required: Any, installed: 1.0] (above)"
    chain = [("", "p0", "p0")] + [("p%d" % number, "p%d" % (number + 1), "x") for number in range(3000)]
    assert len(_dependencies.lines(lock(chain))) == 3001


def test_same_locks_give_the_same_text_in_any_order():
    locks = [lock([("", "a", "a")], target=target) for target in ("old", "new")]
    text = _dependencies.render(locks)
    assert text == _dependencies.render(reversed(locks))
    assert text.index("[base/new]\na==1.0\n") < text.index("[base/old]\na==1.0\n")


def test_tree_that_is_too_deep_continues_below_with_every_package():
    chain = [("", "p9", "p9>=1")] + [("p%d" % number, "p%d" % (number - 1), "x") for number in range(9, 0, -1)]
    loop = [("x", "y", "y"), ("y", "x", "x")]
    needs = _dependencies.walk(lock(chain + loop, ["x"]), deepest=3)
    assert [(need.depth, need.name, need.shown) for need in needs if need.depth == 0 or need.shown != "here"] == [
        (0, "p9", "here"),
        (4, "p5", "below"),
        (0, "p5", "here"),
        (4, "p1", "below"),
        (0, "p1", "here"),
        (0, "x", "here"),
        (2, "x", "above"),
    ]
    assert needs[0].asked == (">=1",)
    assert {need.name for need in needs} == {"p%d" % number for number in range(10)} | {"x", "y"}
