"""The confusion table of the zoo: which checks speak on which models, and in how many of the runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import mean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from zoo_models import Specimen

    Line = Mapping[str, Any]


def caught(specimen: Specimen, line: Line) -> bool:
    """Whether one of a broken model's own checks found it, by a FAIL, or as a WARN where that is all that is asked."""
    own = dict(f"{one} FAIL".split()[:2] for one in specimen.own)
    return any(line["found"].get(key) in {severity, "FAIL"} for key, severity in own.items())


def accused(line: Line) -> bool:
    """Whether there is a FAIL, or no number."""
    return "FAIL" in line["found"].values()


def wrong(specimens: Mapping[str, Specimen], lines: Sequence[Line]) -> list[str]:
    """A sentence on every run that is not as it should be."""
    said = []
    for line in lines:
        specimen = specimens[line["name"]]
        where = f"{line['name']} (seed {line['seed']}, n = {line['n']})"
        if specimen.own and not caught(specimen, line):
            said.append(f"missed: {where}, wanted {' or '.join(specimen.own)}, found {_list(line['found'])}")
        if not specimen.own and accused(line):
            said.append(f"accused: {where}, {line['said']}")
    return said


def page(specimens: Mapping[str, Specimen], lines: Sequence[Line], kind: str) -> Iterator[str]:
    """The page in Markdown."""
    of: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        of[line["name"]].append(line)
    bad, good = ([name for name in of if bool(specimens[name].own) is own] for own in (True, False))
    complete = sum(all(caught(specimens[name], line) for line in of[name]) for name in bad)
    seeds, sizes = (sorted({line[key] for line in lines}) for key in ("seed", "n"))
    clear = sum(not any(accused(line) for line in of[name]) for name in good)
    yield "# The zoo of broken and honest models\n"
    yield (
        f"Written by `python benchmarks/zoo.py`: {len(bad)} broken and {len(good)} honest models, evaluated with the suite *{kind}* "
        f"in linf at ε = 0.11, seeds {_words(seeds)} (of weights, split, samples and evaluation), n = {_words(sizes)}: "
        f"{len(lines):,} runs{_of_all(len(lines), len(of) * 9)}.\n"
    )
    yield (
        f"**{complete} of {len(bad)} broken models are found by their own check in every run; {clear} of {len(good)} honest ones have "
        "no FAIL in any.** A model's own checks were written down before the first run, but for "
        "D49 of k winners and the WARN that large logits are asked for. A WARN counts as found where the column *own* says so, "
        "*refused* means that there is no number but a sentence that says why.\n"
    )
    yield (
        "The last three columns are means over the seeds at n = 200, in %: clean accuracy, robust accuracy as evaluated, and "
        "what an attack from outside leaves, which knows the model's honest twin (its adversarial images, and BPDA with its gradient). "
        "Where the second is not above the third, the model is harmless to this suite. After every id stands in how many runs "
        "it was found.\n"
    )
    for title, names in (("Broken", bad), ("Honest", good)):
        if not names:
            continue
        yield f"## {title}\n"
        yield "| family | model | own | found | FAIL | WARN | clean | evaluated | true at most |"
        yield "| --- | --- | --- | ---: | --- | --- | ---: | ---: | ---: |"
        yield from (_row(specimens[name], of[name]) for name in names)
        yield ""
    yield from _matrix(specimens, of)


def _of_all(done: int, all_of_them: int) -> str:
    """What is missing, where the table is of a part: three seeds and three sizes are wanted of every model."""
    return f" of the {all_of_them:,} that are wanted" if done < all_of_them else ""


def _row(specimen: Specimen, lines: Sequence[Line]) -> str:
    hits = sum(caught(specimen, line) if specimen.own else not accused(line) for line in lines)
    found = f"{hits} of {len(lines)}"
    cells = [specimen.family, specimen.name, ", ".join(specimen.own), found if hits == len(lines) else f"**{found}**"]
    for severity in ("FAIL", "WARN"):
        counts = Counter(key for line in lines for key, one in line["found"].items() if one == severity)
        cells.append(", ".join(f"{key} {counts[key]}" for key in sorted(counts) if key != "D19") or "-")
    last = [line for line in lines if line["true"] is not None]
    for key in ("clean", "robust", "true"):
        values = [line[key] for line in last if line.get(key) is not None]
        cells.append(f"{100 * mean(values):.1f}" if values else "-")
    return f"| {' | '.join(cells)} |"


def _matrix(specimens: Mapping[str, Specimen], of: Mapping[str, Sequence[Line]]) -> Iterator[str]:
    """Families against ids: the share of runs with a FAIL, and with a WARN."""
    runs: dict[str, list[Line]] = defaultdict(list)
    for name, lines in of.items():
        runs[specimens[name].family].extend(lines)
    ids = sorted({key for lines in runs.values() for line in lines for key in line["found"]} - {"D19"})
    yield "## Families against checks\n"
    yield "Of all runs of a family the percentage with a FAIL, and behind a plus with a WARN, of each check.\n"
    yield f"| family | runs | {' | '.join(ids)} |"
    yield f"| --- | ---: |{' ---: |' * len(ids)}"
    for family, lines in runs.items():
        cells = []
        for key in ids:
            fail, warn = (
                100 * sum(line["found"].get(key) == one for line in lines) / len(lines) for one in ("FAIL", "WARN")
            )
            cells.append((f"{fail:.0f}" if fail else "") + (f" +{warn:.0f}" if warn else ""))
        yield f"| {family} | {len(lines)} | {' | '.join(cells)} |"


def _list(found: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {severity}" for key, severity in found.items()) or "nothing"


def _words(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
