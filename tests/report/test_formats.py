"""A report in the other formats: each is read by what it is written for."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
from huggingface_hub import ModelCard

from epsball.errors import InputError
from epsball.record import Finding
from epsball.report import write_report
from epsball.report.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from epsball.record import Evaluation

    Make = Callable[..., tuple[Evaluation, Path]]

AWKWARD = r"50 % of {a}_b & c | d \e #1 $2 ~ ^ ε"


@pytest.mark.parametrize("name", FORMATS)
def test_each_is_written_over_its_like_and_over_nothing_else(make_run: Make, name: str) -> None:
    run, folder = make_run()
    path = write_report(run, folder, format=name)
    assert path == folder / FORMATS[name].file
    first = path.read_bytes()
    assert write_report(run, folder, format=name).read_bytes() == first
    path.write_bytes(b"mine\n" * 2000)
    with pytest.raises(InputError, match="is there already and is no report"):
        write_report(run, folder, format=name)


def test_an_unknown_format_is_one_sentence(make_run: Make) -> None:
    with pytest.raises(InputError, match=r"the format was given as 'pdf'; expected html, .* or model-card"):
        write_report(*make_run(), format="pdf")


def test_the_hub_reads_the_model_card(make_run: Make) -> None:
    run, folder = make_run()
    path = write_report(run, folder, format="model-card", title="A \N{GRINNING FACE}: 'model'\x07")
    card = ModelCard.load(path)
    results = {each.metric_type: each for each in card.data.eval_results or []}
    assert card.data.model_name == "A \N{GRINNING FACE}: 'model'\x07"
    assert set(results) == {"accuracy", "robust_accuracy", "median_adversarial_distance"}
    assert results["accuracy"].metric_value == pytest.approx(run.clean_accuracy)
    robust = results["robust_accuracy"]
    assert robust.metric_value == pytest.approx(run.robust_accuracy())
    assert robust.metric_args["eps"] == run.eps
    assert (robust.metric_args["interval_low"], robust.metric_args["interval_high"]) == pytest.approx(
        run.interval(), abs=1e-6
    )
    assert (robust.task_type, robust.dataset_type, robust.dataset_split) == ("image-classification", "mnist-5k", "test")
    assert "## Adversarial robustness" in card.text


def test_without_a_budget_the_card_holds_a_distance(make_run: Make) -> None:
    path = write_report(*make_run(norm="l2", eps=np.inf, strength={"deepfool": 1.0}), format="model-card")
    kinds = [each.metric_type for each in ModelCard.load(path).data.eval_results or []]
    assert kinds == ["accuracy", "median_adversarial_distance"]


def test_every_line_of_the_markdown_table_has_the_same_cells(make_run: Make) -> None:
    run, folder = make_run(strength={"pgd|x": 0.5, "<b>": 0.2})
    text = write_report(run, folder, format="markdown", title="# *bold* <i>").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 1 + 2 + 1
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {6}
    assert f"{100 * run.robust_accuracy():.1f}" in lines[-1]
    assert "<i>" not in text.replace(r"\<i\>", "")


def test_the_latex_table_is_balanced_and_nothing_in_it_is_a_command_of_others(make_run: Make) -> None:
    finding = Finding("x", "WARN", "two\nlines", "a", "b")
    run, folder = make_run(strength={AWKWARD: 0.5}, findings=(finding,))
    text = write_report(run, folder, format="latex", title=AWKWARD).read_text(encoding="utf-8")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    bare = re.sub(r"\\([\\{}&%$#_])", "", body.replace(r"\\" + "\n", "\n"))
    assert "%" not in bare
    assert "#" not in bare
    assert "_" not in bare.replace(r"$\ell_\infty$", "")
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    table = body.partition(r"\toprule")[2].partition(r"\bottomrule")[0]
    cells = [re.findall(r"(?<!\\)&", line) for line in table.splitlines() if line.rstrip().endswith(r"\\")]
    assert len(cells) == 1 + 1 + 1 + 1
    assert {len(found) for found in cells} == {4}
    assert set(re.findall(r"\\([a-z]+)", bare)) <= {
        *(
            "begin",
            "end",
            "centering",
            "caption",
            "toprule",
            "midrule",
            "bottomrule",
            "textbackslash",
            "textasciitilde",
        ),
        *("char", "textasciicircum", "textbar", "varepsilon", "ell", "infty"),
    }
    assert bare.isascii()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="TeX is not here")
@pytest.mark.parametrize("name", [AWKWARD, '[a] "b"', "*x* ≤ −1 × ∞ <i>"])
def test_tex_sets_the_table(make_run: Make, name: str) -> None:
    run, folder = make_run(strength={"pgd": 0.5, name: 0.4})
    table = write_report(run, folder, format="latex", title=name).read_text(encoding="utf-8")
    page = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{table}\n\\end{{document}}"
    (folder / "page.tex").write_text(page, encoding="utf-8")
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    said = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    assert said.returncode == 0, said.stdout.decode("utf-8", "replace")[-500:]


@pytest.mark.parametrize("name", ["[a]", "*x*", '"q"'])
def test_no_name_is_read_as_an_option_of_the_line_above(make_run: Make, name: str) -> None:
    run, folder = make_run(strength={name: 0.5})
    text = write_report(run, folder, format="latex").read_text(encoding="utf-8")
    assert not re.search(r"\\\n\s*[\[*]", text)
    assert "textquotedbl" not in text, "the usual encoding of fonts has none"


def test_csv_has_a_row_for_each_sample(make_run: Make) -> None:
    run, folder = make_run(source="cifar10", shape=(3, 8, 8))
    with write_report(run, folder, format="csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["id"]) for row in rows] == run.ids.tolist()
    np.testing.assert_array_equal([float(row["upper"]) for row in rows], run.upper)
    assert {row["class"] for row in rows} == {
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    }


def test_json_is_the_document_of_the_command_line(make_run: Make) -> None:
    run, folder = make_run(strength={"pgd": 0.0})
    content = json.loads(write_report(run, folder, format="json", title="mine").read_text(encoding="utf-8"))
    assert content["title"] == "mine"
    assert content["robust_accuracy"] == run.robust_accuracy()
    assert content["median_distance"] is None


@pytest.mark.parametrize("name", ["markdown", "latex", "model-card"])
def test_a_number_that_cannot_be_believed_is_doubted_first(make_run: Make, name: str) -> None:
    failed = Finding("x", "FAIL", "a check failed", "", "")
    text = write_report(*make_run(findings=(failed,)), format=name).read_text(encoding="utf-8")
    assert text.index("Not trusted: 1 check failed") < text.index("images that the model classifies correctly")
