"""Every attack that a peer also has: the same rows, threat and budget; time, successes and median distance of both.

Each comparison is written as soon as it is done, and one that stands in the results already is not run again.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

import attack_rows
import attack_rows_nearest
import attack_rows_queries
import epsball as eb
from attack_table import lines, table
from epsball.geometry import NORMS
from harness import add_options, options_of, publish
from judge import median, reached
from peer_calls import seeded
from subjects import subject
from watched import BudgetSpentError, Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from attack_rows import Contest
    from harness import Options
    from peers import Peer
    from subjects import Subject

NETWORK, UNSEEN = "cnn-mnist", "lenet-mnist"
BRIEF = 2.0
"""Seconds: what takes longer is timed once."""


def contests() -> dict[str, Contest]:
    """All comparisons by name."""
    groups = (
        attack_rows.single_step,
        attack_rows.projected,
        attack_rows.transferable,
        attack_rows_nearest.deepfools,
        attack_rows_nearest.carlini_wagner,
        attack_rows_nearest.fast,
        attack_rows_queries.scores,
        attack_rows_queries.labels,
        attack_rows_queries.without_search,
    )
    return {contest.key: contest for group in groups for contest in group()}


def main() -> None:
    """Run what is named, or all that has no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="the comparisons whose name begins with one of these")
    parser.add_argument("--again", action="store_true", help="those that have a result too")
    parser.set_defaults(rows=100, slow_rows=10, rounds=3, threads=1)
    given = parser.parse_args()
    options = options_of(vars(given))
    path = options.out / "attacks.json"
    done: dict[str, Any] = json.loads(path.read_text())["details"]["contests"] if path.exists() else {}
    case, unseen = subject(NETWORK, options.rows), subject(UNSEEN, options.rows)
    for key, contest in contests().items():
        if (given.only and not key.startswith(tuple(given.only))) or (key in done and not given.again):
            continue
        started = time.perf_counter()
        done[key] = compare(contest, case, unseen, options)
        ordered = {name: done[name] for name in contests() if name in done}
        publish("attacks", options, lines(ordered), quiet=True, subject=case.origin, contests=ordered)
        (options.out / "attacks.md").write_text(table(ordered), encoding="utf-8")
        print(
            f"{time.perf_counter() - started:.0f} s", *table({key: done[key]}).split("\n| ")[3:], sep="\n", flush=True
        )


def compare(contest: Contest, case: Subject, unseen: Subject, options: Options) -> dict[str, Any]:
    """Both sides of every pair on the same rows."""
    found: dict[str, Any] = {}
    for peers, rows in ((contest.peers, case), (contest.single, case.first(options.slow_rows))):
        runs = {name: peer_of(contest, rows, call, single=peers is contest.single) for name, call in peers.items()}
        if not runs:
            continue
        race = in_turns({"": ours(contest, rows)} | runs, options.rounds)
        judged = replace(rows, x=rows.x.repeat(contest.seeds, 1, 1, 1), y=rows.y.repeat(contest.seeds))
        own = verdict(contest, judged, unseen, *race.pop(""), own=True)
        for name, result in race.items():
            theirs = (
                {"failed": result} if isinstance(result, str) else {"theirs": verdict(contest, judged, unseen, *result)}
            )
            found[name] = {"rows": len(judged.x), "own": own} | theirs
    given = {"norm": contest.norm, "eps": contest.eps, "queries": contest.queries, "settings": contest.settings}
    return given | {"peers": found}


Answer = tuple["Tensor", "Tensor | None"]


def ours(contest: Contest, rows: Subject) -> Callable[[], Answer]:
    """Epsball's attack; queries to success where rows end at their first one."""
    threat = eb.Threat(NORMS[contest.norm]) if contest.eps is None else eb.Threat(NORMS[contest.norm], eps=contest.eps)

    def run(seed: int) -> Answer:
        found = contest.own()(rows.model, rows.x, rows.y, threat, seed=seed, queries=contest.queries)
        return found.x, torch.where(found.success, found.queries, (contest.queries or 0) + 1)

    return lambda: together(run, contest.seeds)


def together(run: Callable[[int], Answer], seeds: int) -> Answer:
    """The rows of several runs beneath each other."""
    points, queries = zip(*map(run, range(seeds)), strict=True)
    return torch.cat(points), None if queries[0] is None else torch.cat(queries)


def peer_of(contest: Contest, rows: Subject, peer: Peer, *, single: bool) -> Callable[[], Answer]:
    """A peer's attack, watched where queries count."""
    if contest.queries is None:
        return lambda: together(lambda seed: (seeded(peer, seed)(rows.net, rows.x, rows.y), None), contest.seeds)
    norm, eps, budget = contest.norm, contest.eps, contest.queries

    def run(seed: int) -> Answer:
        best, first = [], []
        size = 1 if single else len(rows.x)
        for x, y in zip(torch.split(rows.x, size), torch.split(rows.y, size), strict=True):
            net = Watched(rows.net, x, y, norm, eps, budget).eval()
            with suppress(BudgetSpentError):
                seeded(peer, seed)(net, x, y)
            best.append(net.best)
            first.append(net.first)
        return torch.cat(best), torch.cat(first)

    return lambda: together(run, contest.seeds)


def in_turns(runs: dict[str, Callable[[], Answer]], rounds: int) -> dict[str, tuple[Answer, float] | str]:
    """Every run's answer and the seconds of the processor in its fastest round, or what it raised; who takes long runs once."""
    found: dict[str, tuple[Answer, float] | str] = {}
    for turn in range(rounds):
        for name, run in runs.items():
            before = found.get(name)
            if turn and (isinstance(before, str) or before is None or before[1] > BRIEF):
                continue
            gc.collect()
            started = time.process_time()
            try:
                answer = run()
            except Exception as error:  # a peer may raise anything, and the table says so
                if not name:
                    raise
                found[name] = f"{type(error).__name__}: {error}"[:200]
                continue
            seconds = time.process_time() - started
            found[name] = (answer, seconds if before is None else min(seconds, float(before[1])))
    return found


def verdict(
    contest: Contest, rows: Subject, unseen: Subject, answer: Answer, seconds: float, *, own: bool = False
) -> dict[str, Any]:
    """How many rows are fooled and how far away, by the benchmark's own forward pass."""
    x, queries = answer
    norm = NORMS[contest.norm]
    distance = reached(rows.net, rows.x, rows.y, x, norm)
    if contest.eps is not None:
        distance = torch.where(distance <= contest.eps * (1 + 1e-5) + 1e-6, distance, torch.inf)
    result: dict[str, Any] = {
        "seconds": seconds,
        "fooled": int(distance.isfinite().sum()),
        "median": median(distance),
    }
    if contest.queries is not None and contest.eps is not None and queries is not None:
        result["queries"] = median(queries)
    if "FGSM" in contest.key and contest.eps is not None:
        threat = eb.Threat(norm, eps=contest.eps)
        once = rows.first(len(rows.x) // contest.seeds)

        def run(seed: int) -> Answer:
            return contest.own().maximise(once.model, once.x, once.y, threat, seed=seed), None

        whole = together(run, contest.seeds)[0] if own else x
        with torch.no_grad():
            result["carried"] = int((unseen.net(whole).argmax(1) != rows.y).sum())
    return result


if __name__ == "__main__":
    main()
