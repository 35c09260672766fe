"""What the mutants came to, as JSON and as a page: the share killed by each seed, and every survivor."""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from harness import HERE, machine
from mutants import shortened

if TYPE_CHECKING:
    import argparse
    from collections.abc import Container, Mapping, Sequence

    from coverers import Coverers
    from mutants import Mutant

WANTED = 0.85
SURVIVED = HERE / "results" / "mutants_survived.json"
"""What was said of survivors: [{"file", "function", "source", "column", "change", "equivalent": no test can kill it, "word"}]."""
_WHERE = ("file", "function", "source", "column", "change")

_HEAD = """# Mutants

Written by `make mutate`; how stands in [../README.md](../README.md). A mutant is one change of the core by mutmut's operators.
A timeout counts as killed; an equivalent mutant, which no test can kill, counts as survived in the first share and is left out
of the second.

| seed | drawn | killed | of them by timeout | survived | share killed | of them equivalent | share without these |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def judged() -> dict[tuple[Any, ...], tuple[bool, str]]:
    """Whether a survivor is equivalent, and a word on it, by where it is and what it changes."""
    if not SURVIVED.exists():
        return {}
    listed = json.loads(SURVIVED.read_text(encoding="utf-8"))
    return {tuple(entry[key] for key in _WHERE): (entry["equivalent"], entry["word"]) for entry in listed}


def where(mutant: Mutant) -> tuple[Any, ...]:
    """What a mutant is found by on that list."""
    return tuple(getattr(mutant, key) for key in _WHERE)


def count(some: Sequence[Mutant], ends: Mapping[str, dict[str, Any]], equal: Container[str]) -> dict[str, Any]:
    """What became of the mutants of one seed; those that no test covers have survived."""
    by = Counter(ends[mutant.key]["end"] for mutant in some if mutant.key in ends)
    killed, ran = by["killed"] + by["timeout"], sum(by.values())
    same = sum(mutant.key in equal for mutant in some)
    return {
        "drawn": len(some),
        "not run": len(some) - ran,
        "killed": killed,
        "timeouts": by["timeout"],
        "survived": by["survived"],
        "equivalent": same,
        "share": killed / max(ran, 1),
        "share without equivalent": killed / max(ran - same, 1),
    }


def publish(
    options: argparse.Namespace,
    tree: str,
    pool: int,
    drawn: Mapping[int, Sequence[Mutant]],
    found: Coverers,
    ends: Mapping[str, dict[str, Any]],
    seconds: float,
) -> int:
    """Write `mutate.json` and `mutate.md`; 1 where a seed has killed less than wanted, a control failed or a mutant was not run."""
    said = judged()
    chosen = {mutant.key: mutant for some in drawn.values() for mutant in some}
    left = [mutant for mutant in chosen.values() if ends.get(mutant.key, {}).get("end") == "survived"]
    equal = {m.key for m in left if said.get(where(m), (False, ""))[0]}
    wrong = [
        m
        for m in chosen.values()
        if said.get(where(m), (False, ""))[0] and ends.get(m.key, {}).get("end") in {"killed", "timeout"}
    ]
    seeds = {str(seed): count(some, ends, equal) for seed, some in drawn.items()}
    controls = [end["end"] for key, end in ends.items() if key.startswith("control ")]
    failed = sum(end != "survived" for end in controls)
    survivors = [
        {"line": m.line, "tests": ends[m.key]["tests"]}
        | dict(zip(_WHERE, where(m), strict=True))
        | {"equivalent": m.key in equal, "word": said.get(where(m), (False, ""))[1]}
        | {"seeds": [seed for seed, some in drawn.items() if m in some]}
        for m in sorted(left, key=lambda m: (m.file, m.line))
    ]
    result = {
        "command": " ".join(["python", "benchmarks/mutate.py", *sys.argv[1:]]),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(options.processes),
        "versions": {name: version(name) for name in ("mutmut", "torch", "hypothesis", "pytest")},
        "tree": tree,
        "mutants in all": pool,
        "different mutants drawn": len(chosen),
        "least share killed": min(seed["share"] for seed in seeds.values()),
        "wanted": WANTED,
        "minutes of this run": round(seconds / 60, 1),
        "controls": {"run": len(controls), "failed": failed},
        "tests": len(found.tests),
        "tests left out, for they do not pass unchanged": found.left_out,
        "listed as equivalent and yet killed": [f"{m.file}:{m.line} {m.change}" for m in wrong],
        "seeds": seeds,
        "survivors": survivors,
        "mutants": [{"key": key} | ends[key] | {"change": m.change} for key, m in chosen.items() if key in ends],
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "mutate.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = page(result)
    (options.out / "mutate.md").write_text(text, encoding="utf-8")
    print(text)
    complete = not any(seed["not run"] for seed in seeds.values())
    return int(not complete or failed > 0 or result["least share killed"] < WANTED)


def page(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    rows = [
        f"| {seed} | {n['drawn']} | {n['killed']} | {n['timeouts']} | {n['survived']} | {n['share']:.1%} "
        f"| {n['equivalent']} | {n['share without equivalent']:.1%} |"
        for seed, n in result["seeds"].items()
    ]
    missing = sum(n["not run"] for n in result["seeds"].values())
    controls = result["controls"]
    facts = [
        f"The least share is {result['least share killed']:.1%}; wanted are {WANTED:.0%}.",
        f"{result['different mutants drawn']} different mutants of {result['mutants in all']}, {result['tests']} tests.",
        f"Of {controls['run']} controls, the same tests on the unchanged tree, {controls['failed']} failed.",
        f"`{result['command']}`, {result['date']}, {result['machine']['processor']}.",
    ]
    facts += [f"**{missing} of the mutants drawn were not run.**"] if missing else []
    facts += [
        f"**Listed as equivalent and yet killed: {_code(one)}.**"
        for one in result["listed as equivalent and yet killed"]
    ]
    table = ["| place | function | change | why |", "| --- | --- | --- | --- |"]
    table += [
        f"| {s['file'].removeprefix('src/epsball/')}:{s['line']} | {s['function']} | {_code(s['change'])} "
        f"| {'equivalent: ' * s['equivalent']}{s['word']} |"
        for s in result["survivors"]
    ]
    return "\n".join([_HEAD, *rows, "", *(f"- {fact}" for fact in facts), "", "## Survivors", "", *table, ""])


def _code(text: str) -> str:
    return "`" + shortened(text).replace("|", "\\|").replace("`", "'") + "`"
