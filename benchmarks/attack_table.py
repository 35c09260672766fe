"""The comparisons of `attacks` as a table and as lines for the table of all benchmarks."""

from __future__ import annotations

import json
import statistics
from typing import Any

from harness import HERE, Line

REASONS = HERE / "results" / "attacks_reasons.json"
"""Why a peer does better in a row, by comparison and peer; written by hand."""

HEAD = """# Attacks beside their peers

Written by `make bench ARGS=attacks`; how it is measured stands in [../README.md](../README.md). Ours / theirs on the same rows; time
is theirs over ours. In bold is what we lose: fewer rows fooled by more than one in 200, a median distance more than 1 % longer where
the nearest error is looked for, or less than equal speed.

| attack | peer | rows | seconds | time | fooled | median distance | median queries | settings and remarks |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"""


def farther(contest: dict[str, Any], pair: dict[str, Any]) -> bool:
    """Whether ours is weaker: in budgeted contests by rows, in the others by the median distance too."""
    own, theirs = pair["own"], pair["theirs"]
    fewer = own["fooled"] < theirs["fooled"] - max(1, pair["rows"] // 200)
    return fewer or (contest["eps"] is None and own["median"] > 1.01 * theirs["median"] + 1e-9)


def speed(pair: dict[str, Any]) -> float:
    """Their time over ours."""
    return float(pair["theirs"]["seconds"] / pair["own"]["seconds"])


def pairs(contests: dict[str, Any]) -> list[tuple[str, dict[str, Any], str, dict[str, Any]]]:
    """(name, contest, peer, pair) of all that ran."""
    return [(key, c, name, p) for key, c in contests.items() for name, p in c["peers"].items() if "theirs" in p]


def fastest(contests: dict[str, Any]) -> list[float]:
    """Of each contest, the time of its fastest peer over ours."""
    return [
        min(speeds) for c in contests.values() if (speeds := [speed(p) for p in c["peers"].values() if "theirs" in p])
    ]


def lines(contests: dict[str, Any]) -> list[Line]:
    """What the table of all benchmarks says."""
    factors = fastest(contests)
    if not factors:
        return []
    lost = [f"{key} ({name})" for key, c, name, p in pairs(contests) if farther(c, p)]
    every = pairs(contests)
    return [
        Line(
            "cnn-mnist",
            "the fastest peer of each attack",
            "time, peer / epsball, median",
            statistics.median(factors),
            ">= 2",
            f"{len(factors)} attacks",
        ),
        Line(
            "cnn-mnist",
            "every peer",
            "pairs in which ours is weaker",
            len(lost),
            "<= 0",
            f"of {len(every)}" + (": " + ", ".join(lost) if lost else ""),
        ),
    ]


def table(contests: dict[str, Any]) -> str:
    """The Markdown page."""
    reasons = json.loads(REASONS.read_text()) if REASONS.exists() else {}
    rows = []
    for key, c in contests.items():
        for name, p in c["peers"].items():
            reason = reasons.get(f"{key} | {name}", "")
            rows.append(row(key, c, name, p, "; ".join(part for part in (c["settings"], reason) if part)))
    summary = [f"- {line.measure}: {line.value:.3g} ({line.note})" for line in lines(contests)]
    return "\n".join([HEAD, *rows, "", *summary, ""])


def row(key: str, contest: dict[str, Any], name: str, pair: dict[str, Any], remarks: str) -> str:
    """One pair."""
    own = pair["own"]
    if "theirs" not in pair:
        cells = [f"{own['seconds']:.2f} / -", "-", f"{own['fooled']} / -", f"{own['median']:.4g} / -", "-"]
        return f"| {key} | {name} | {pair['rows']} | {' | '.join(cells)} | {pair['failed']}; {remarks} |"
    theirs, factor = pair["theirs"], speed(pair)
    time = f"{factor:.2f}" if factor >= 1 else f"**{factor:.2f}**"
    fooled, median = f"{own['fooled']} / {theirs['fooled']}", f"{own['median']:.4g} / {theirs['median']:.4g}"
    if farther(contest, pair):
        fooled, median = f"**{fooled}**", f"**{median}**"
    queries = f"{own['queries']} / {theirs['queries']}" if "queries" in own else ""
    if "carried" in own:
        remarks = f"on an unseen network {own['carried']} / {theirs['carried']}; {remarks}"
    cells = [f"{own['seconds']:.2f} / {theirs['seconds']:.2f}", time, fooled, median, queries, remarks]
    return f"| {key} | {name} | {pair['rows']} | {' | '.join(cells)} |"
