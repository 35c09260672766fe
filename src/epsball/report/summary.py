"""The result as a table for a README, a paper or a spreadsheet."""

from __future__ import annotations

import csv as comma_separated
import io
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from epsball.display.text import NORMS
from epsball.record import metrics
from epsball.record.evaluation import SAMPLE_COLUMNS
from epsball.record.statistics import wilson
from epsball.report.budget import budget
from epsball.report.checklist import checklist
from epsball.report.target import target
from epsball.report.text import DASH, class_names, count, epsilon, number, percent, title_of
from epsball.report.verdict import findings, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from epsball.record import Evaluation

MARK = "epsball report"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    **{sign: f"{{{sign}}}" for sign in "[]*"},  # after a line of a table they would be read as its options
    "\n": " ",
    "\N{NO-BREAK SPACE}": "~",
    DASH: "--",
    "ε": r"$\varepsilon$",
    "∞": r"$\infty$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "\N{MINUS SIGN}": "$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
}
_LATEX_NORMS = {"l∞": r"$\ell_\infty$", "l2": r"$\ell_2$", "l1": r"$\ell_1$", "l0": r"$\ell_0$"}


def rows(run: Evaluation) -> tuple[list[str], list[list[str]]]:
    """The heading and the lines of the table: clean, each attack, and all of them together."""
    n, at = len(run), budget(run)
    left = f"not turned into {target(run.plan)}" if target(run.plan) else "accuracy"
    heading = ["", left, "95 % interval", "turned" if target(run.plan) else "fooled", "median distance"]
    lines = [["clean", *_share(int(np.sum(run.clean == run.label)), n), "", ""]]
    for line in metrics.attack_summaries(run, at):
        fooled = f"{count(line.successes)} of {count(line.attacked)}"
        distance = number(metrics.median_found(run, line.attack, at))
        lines.append([line.attack, *_share(round(line.remaining_accuracy * n), n), fooled, distance])
    if run.attacks:
        broken = int(np.sum((run.clean == run.label) & ~metrics.robust(run, at)))
        right = int(np.sum(run.clean == run.label))
        found = run.upper[(run.upper > 0) & (run.upper <= at)]
        distance = number(float(np.median(found))) if found.size else DASH
        standing = int(metrics.robust(run, at).sum())
        lines.append(["all together", *_share(standing, n), f"{count(broken)} of {count(right)}", distance])
    return heading, lines


def _share(times: int, n: int) -> tuple[str, str]:
    low, high = wilson(times, n)
    return percent(times / n), f"{100 * low:.1f} {DASH} {percent(high)}"


def caption(run: Evaluation) -> str:
    """What the table is about: threat, data, suite and versions."""
    plan = run.plan
    suite = "attacks chosen by hand" if plan.suite == "custom" else f"suite {plan.suite} {plan.suite_version}"
    data = " ".join(part for part in (plan.data.source or "given arrays", plan.data.split) if part)
    budget_text = "any distance" if math.isinf(run.eps) else f"ε = {epsilon(plan.threat)}"
    version = plan.environment.versions.get("epsball", "")
    return (
        f"{NORMS[plan.threat.norm]}, {budget_text}, {count(len(run))} images of {data}, "
        f"{suite}, seed {plan.seed}, epsball {version}. A line counts the attacks above it too."
    )


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\1", text).replace("\n", " ")


def markdown(run: Evaluation, folder: Path, title: str) -> str:  # noqa: ARG001 (every format is written from the same three)
    """A table in Markdown, with the verdict above it and the findings below."""
    return f"<!-- {MARK} -->\n\n### {escaped(title or title_of(run.plan))}\n\n{markdown_body(run)}"


def markdown_body(run: Evaluation) -> str:
    """Verdict, table, caption and findings."""
    heading, lines = rows(run)
    said = verdict(run)
    table = [
        f"| {' | '.join(map(escaped, heading))} |",
        f"| --- {'| ---: ' * (len(heading) - 1)}|",
        *(f"| {' | '.join(map(escaped, line))} |" for line in lines),
    ]
    doubt = _doubt(said)
    parts = [
        f"**{escaped(doubt + said['headline'])}**",
        escaped(f"{'' if doubt else said['trust'] + '. '}{said['detail']} {said['meaning']}"),
        "\n".join(table),
        escaped(caption(run)),
    ]
    if open_findings := findings(run):
        parts.append("\n".join(f"- {each['severity']}: {escaped(_sentence(each))}" for each in open_findings))
    questions = "\n".join(f"- [ ] {escaped(str(question))}" for question in checklist(run))
    return "\n\n".join([*parts, f"Open questions, which no program can answer:\n\n{questions}"]) + "\n"


def _doubt(said: dict[str, str]) -> str:
    """What is said before all else where the number cannot be believed."""
    return f"{said['trust']}. " if said["trust_tone"] == "bad" else ""


def _sentence(finding: dict[str, str]) -> str:
    return f"{finding['message']} ({finding['evidence']}); {finding['remedy']}"


def tex(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return "".join(_LATEX.get(each, each) for each in text)


def latex(run: Evaluation, folder: Path, title: str) -> str:  # noqa: ARG001 (as above)
    r"""A table in LaTeX; it needs ``\usepackage{booktabs}``."""
    heading, lines = rows(run)
    said = verdict(run)
    about = tex(caption(run))
    doubt = _doubt(said)
    for norm, symbol in _LATEX_NORMS.items():
        about = about.replace(f"{tex(norm)},", f"{symbol},", 1)
    doubts = [f"% {each['severity']}: {' '.join(_sentence(each).split())}" for each in findings(run)]
    set_lines = [f"    {' & '.join(map(tex, line))} \\\\" for line in lines]
    if run.attacks:
        set_lines.insert(-1, r"    \midrule")
    return "\n".join(
        [
            f"% {MARK}: {' '.join(said['trust'].split())}; it needs \\usepackage{{booktabs}}",
            *doubts,
            *(f"% Open: {' '.join(str(question).split())}" for question in checklist(run)),
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{tex(title or title_of(run.plan))}: {tex(doubt + said['headline'])} {about}}}",
            r"  \begin{tabular}{lrrrr}",
            r"    \toprule",
            f"    {' & '.join(map(tex, heading))} \\\\",
            r"    \midrule",
            *set_lines,
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def csv(run: Evaluation, folder: Path, title: str) -> str:  # noqa: ARG001 (as above)
    """A row for each sample: the columns of `samples.parquet`, the names of its class and of the predicted one, and what failed."""
    names = class_names(run.plan.data, int(max(run.label.max(), run.clean.max())) + 1)
    stream = io.StringIO()
    writer = comma_separated.writer(stream, lineterminator="\n")
    columns = {"id": run.ids} | {name: getattr(run, name) for name in list(SAMPLE_COLUMNS)[1:]}
    failed = " ".join(run.failed) if run.complete else " ".join(("unfinished", *run.failed))
    writer.writerow([*columns, "class", "predicted", "failed_checks"])
    for row in zip(*(values.tolist() for values in columns.values()), strict=True):
        writer.writerow([*row, names[row[1]], names[row[2]], failed])
    return stream.getvalue()
