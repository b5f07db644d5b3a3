# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that one hostile host answers is believed anywhere else, whichever task it answers and whatever it says.

A case is one task whose answer is changed in one way. HOSTILE_CASES=all plays all of them, a number so many of one
host in one playbook, which HOSTILE_SEED chooses.
"""

from __future__ import annotations

import os
import queue
import random
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hostile.site import HOP, INDEX, NODE, STAGE, facts, shown, strings, sums

pytestmark = pytest.mark.devpi_server
CASES = os.environ["HOSTILE_CASES"]
SEED = os.environ["HOSTILE_SEED"]
IN_ALL = "its facts, in every task"


class Run(t.NamedTuple):
    """A playbook, who is hostile in it, what of it that host can touch, and the state that it begins in."""

    playbook: str
    host: str
    books: t.Tuple[str, ...]
    state: str


# What nodes answer in inside is what they answer in site.
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
    """What is changed in which answers of a run; several tasks are attacked in one go where the play goes on."""

    run: Run
    mutation: str
    tasks: t.Tuple[str, ...]


def honest(site, run):
    """Play a run honestly; return the answers of its host by task, and the states that a run may leave of a file."""
    if run not in site.known:
        site.restore(run.state)
        begin = sums(site.root)
        rc, output = site.play(*run.books)
        allowed = [begin, sums(site.root)]
        assert site.found("nobody", rc, output, allowed) == [], output.decode("utf-8", "replace")
        assert rc == 0, output.decode("utf-8", "replace")
        answered = site.answered(run.host)
        if run.playbook == "survey":
            # Its files name the hosts that answered: without a host that is refused they are others.
            site.restore(run.state)
            site.play(*run.books, limit="all:!" + run.host)
            allowed.append(sums(site.root))
        site.known[run] = answered, allowed
    return site.known[run]


def cases(site, runs):
    """Return the cases of some runs; where two playbooks have a task of a host in common, its strings count in the first."""
    found, seen = [], set()
    for run in runs:
        tasks = tuple(honest(site, run)[0])
        found.append(Case(run, IN_ALL, tasks))
        for task in tasks:
            if (run.host, task) not in seen:
                seen.add((run.host, task))
                found += [Case(run, mutation, (task,)) for mutation in strings(site)]
    return found


def play(site, case):
    """Play a case; return how many answers were changed, and what the host achieved by that."""
    dummy, allowed = honest(site, case.run)
    change = {"facts": facts(site)} if case.mutation == IN_ALL else {"strings": strings(site)[case.mutation]}
    pending, count, said = list(case.tasks), 0, []
    while pending:
        site.restore(case.run.state)
        site.behave(case.run.host, dict(change, tasks=pending))
        rc, output = site.play(*case.run.books)
        lied = {task: line["module"] for task, line in site.answered(case.run.host).items() if line["changed"]}
        where = "%s, playbook %s, mutation %s, task %s" % (
            case.run.host,
            case.run.playbook,
            case.mutation,
            ", ".join("%s (%s)" % one for one in lied.items()),
        )
        found = site.found(case.run.host, rc, output, allowed)
        said += ["%s: %s" % (where, one) for one in found]
        said += [shown(output.decode("utf-8", "replace"))[-2000:]] if found else []
        count += len(lied)
        # A play that ends early is played again for the tasks that it did not come to.
        rest = [task for task in pending if task not in lied]
        pending = rest if lied else []
    return count, said


def test_nothing_that_a_hostile_host_answers_is_believed(sites, played, subtests):
    chance = random.Random(SEED)
    runs = RUNS if CASES == "all" else chance.sample(RUNS, 1)
    chosen = cases(sites[0], runs)
    if CASES != "all":
        chosen = chance.sample(chosen, min(int(CASES), len(chosen)))
    free = queue.SimpleQueue()
    for site in sites:
        free.put(site)

    def one(case):
        site = free.get()
        try:
            return play(site, case)
        finally:
            free.put(site)

    with ThreadPoolExecutor(len(sites)) as pool:
        for case, (count, said) in zip(chosen, pool.map(one, chosen)):
            played.append(count)
            with subtests.test("%s, %s, %s, %s" % (case.run.host, case.run.playbook, case.mutation, case.tasks[-1])):
                assert said == [], "HOSTILE_SEED=%s\n%s" % (SEED, "\n".join(said))
                assert count > 0, "no answer was changed"
