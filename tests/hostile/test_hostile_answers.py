# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that one hostile host answers is believed anywhere else, whichever task it answers and whatever it says.

First each task of a host runs with every lie, and the play continues with the honest answer: refused or not, no lie may leave
a trace. Then the lies that were not refused are played to the end, and one refused lie of each task. HOSTILE_CASES=all plays
all of these; a number plays that many of them, for one host in one playbook, which HOSTILE_SEED chooses.
"""

from __future__ import annotations

import os
import queue
import random
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hostile.site import HOP, INDEX, NODE, STAGE, Site, facts, shown, strings, sums

pytestmark = pytest.mark.devpi_server
CASES = os.environ["HOSTILE_CASES"]
SEED = os.environ["HOSTILE_SEED"]
IN_ALL = "its facts, in every task"
EACH = "every text, in every task"
# These cannot run twice, because the sending process serves its stream once. Each of their lies is a play of its own.
ONCE = (
    "airgap.python.transfer : Receive and verify the open part",
    "airgap.python.transfer : Receive the pool and replace the bundle in place",
    "airgap.python.media : Receive and verify the open part",
    "airgap.python.media : Receive the missing parts of the volume",
)


class Run(t.NamedTuple):
    """A playbook, the hostile host, the plays that this host can affect, and the state at the start."""

    playbook: str
    host: str
    books: t.Tuple[str, ...]
    state: str


# Nodes answer the same in inside as in site.
RUNS = (
    Run("site", STAGE, ("stage", "transfer", "index", "nodes"), "before"),
    Run("site", HOP, ("transfer", "index", "nodes"), "before"),
    Run("site", INDEX, ("transfer", "index", "nodes"), "before"),
    Run("site", NODE, ("nodes",), "after"),
    Run("survey", INDEX, ("survey",), "after"),
    Run("survey", NODE, ("survey",), "after"),
    Run("approve", STAGE, ("approve",), "after"),
    Run("outside", STAGE, ("outside",), "after"),
    Run("inside", INDEX, ("inside",), "before"),
    Run("kubespray", INDEX, ("kubespray",), "after"),
    Run("kubespray", NODE, ("kubespray",), "after"),
)


class Case(t.NamedTuple):
    """What is changed in which answers of a run. Several tasks are attacked in one play if the play continues."""

    run: Run
    mutation: str
    tasks: t.Tuple[str, ...]


class Played(t.NamedTuple):
    """How many answers were changed, what the host achieved, and the outcome of each lie of a case EACH."""

    changed: int
    said: t.List[str]
    outcomes: t.List[t.Dict[str, t.Any]]


def honest(site, run):
    """Play a run honestly; return the answers of its host by task, and the states that a run may leave of a file."""
    if run not in site.known:
        site.restore(run.state)
        begin = sums(site.root)
        rc, output = site.play(*run.books)
        allowed = [begin, sums(site.root)]
        assert site.found("nobody", rc, output, allowed) == [], output.decode("utf-8", "replace")
        assert rc == 0, output.decode("utf-8", "replace")
        answered = list(dict.fromkeys(line["task"] for line in site.answered(run.host)))
        if run.playbook == "survey":
            # Its files name the hosts that answered, so they differ if a host is refused.
            site.restore(run.state)
            site.play(*run.books, limit="all:!" + run.host)
            allowed.append(sums(site.root))
        site.known[run] = answered, allowed
    return site.known[run]


def play(site, case):
    """Play a case."""
    answered, allowed = honest(site, case.run)
    pending = list(case.tasks or answered)
    once = [task for task in pending if task in ONCE]
    changed = 0
    said: t.List[str] = []
    outcomes: t.List[t.Dict[str, t.Any]] = []
    while pending:
        site.restore(case.run.state)
        each = None
        if case.mutation == IN_ALL:
            change = {"facts": facts(site)}
        elif case.mutation == EACH:
            change = {"each": strings(site)}
            each = {"lies": list(change["each"]), "tasks": [task for task in pending if task not in once]}
        else:
            change = {"strings": strings(site)[case.mutation]}
        site.set_behaviour(case.run.host, dict(change, tasks=pending))
        rc, output = site.play(*case.run.books, each=each)
        lines = [line for line in site.answered(case.run.host) if line["changed"]]
        lied = {line["task"]: line["module"] for line in lines}
        where = "%s, playbook %s, mutation %s, task %s" % (
            case.run.host,
            case.run.playbook,
            case.mutation,
            ", ".join("%s (%s)" % one for one in lied.items()),
        )
        found = site.found(case.run.host, rc, output, allowed)
        if each is not None:
            outcomes = site.outcomes() + [
                {"task": task, "lie": lie, "is_refused": False} for task in once for lie in change["each"]
            ]
            found += ["the play failed (%d)" % rc] if rc else []
        said += ["%s: %s" % (where, one) for one in found]
        said += [shown(output.decode("utf-8", "replace"))[-2000:]] if found else []
        changed += len(lines)
        # A play that ends early is played again for the tasks that it did not reach.
        rest = [task for task in pending if task not in lied]
        pending = rest if lied and each is None else []
    return Played(changed, said, outcomes)


def follow(case, outcomes, chance, seen):
    """Return the cases that are played to the end after a case EACH.

    Lies that were not refused do not end a play, so all tasks with the same lie are one case. A refusal ends a play, so each
    task gets one case with one of its refused lies. A task that two playbooks share is played in the first.
    """
    accepted: t.Dict[str, t.List[str]] = {}
    refused: t.Dict[str, t.List[str]] = {}
    for one in outcomes:
        if (case.run.host, one["task"]) in seen:
            continue
        if one["is_refused"]:
            refused.setdefault(one["task"], []).append(one["lie"])
        elif one["task"] not in accepted.setdefault(one["lie"], []):
            accepted[one["lie"]].append(one["task"])
    seen.update((case.run.host, one["task"]) for one in outcomes)
    return [Case(case.run, lie, tuple(tasks)) for lie, tasks in accepted.items()] + [
        Case(case.run, chance.choice(lies), (task,)) for task, lies in refused.items()
    ]


def test_nothing_that_a_hostile_host_answers_is_believed(sites, played, subtests, capfd):
    chance = random.Random(SEED)
    runs = RUNS if CASES == "all" else chance.sample(RUNS, 1)
    free: queue.SimpleQueue[Site] = queue.SimpleQueue()
    for site in sites:
        free.put(site)

    def one(case):
        site = free.get()
        begin = time.monotonic()
        try:
            return case, play(site, case), time.monotonic() - begin
        finally:
            free.put(site)

    def every(pool, cases):
        for case, found, seconds in pool.map(one, cases):
            played.append(found.changed)
            name = "%s, %s, %s, %s" % (case.run.host, case.run.playbook, case.mutation, (case.tasks or ("all",))[-1])
            with capfd.disabled():
                print("%s: %d answers in %.0f s" % (name, found.changed, seconds), flush=True)
            with subtests.test(name):
                assert found.said == [], "HOSTILE_SEED=%s\n%s" % (SEED, "\n".join(found.said))
                assert found.changed > 0, "no answer was changed"
            yield case, found.outcomes

    with ThreadPoolExecutor(len(sites)) as pool:
        later = [Case(run, IN_ALL, ()) for run in runs]
        seen: t.Set[t.Tuple[str, str]] = set()
        for case, outcomes in every(pool, [Case(run, EACH, ()) for run in runs]):
            later += follow(case, outcomes, chance, seen)
        if CASES != "all":
            later = chance.sample(later, min(int(CASES), len(later)))
        list(every(pool, later))
