from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from epsball import paper
from epsball.cli import app
from epsball.errors import InputError
from epsball.paper import EXPERIMENTS
from epsball.paper import reproduce as module
from epsball.paper.duration import FULL, QUICK
from epsball.paper.estimates import exactly
from epsball.paper.experiment import Check, Experiment, Finding, Table, Verdict, verdict
from epsball.paper.lab import Lab
from epsball.paper.plots import Bars, Lines
from epsball.paper.reproduce import PAGE, find, read, reproduce, write_page
from epsball.paper.rows import Rows
from paper import test_binary, test_comparison, test_fine_tuning, test_linear_growth, test_regions, test_transfer
from paper.controls import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence


def toy(name: str, number: int) -> Experiment:
    def value(rows: Rows) -> float:
        return rows.one(x=1).value

    def measure(lab: Lab) -> Rows:
        return lab.step(name, "value", lambda: Rows((exactly(0.0).of("y"), exactly(float(number)).of("y", x=1.0))))

    return Experiment(
        f"E{number}",
        name,
        f"{name} is so",
        "it is looked at",
        measure,
        lambda _: "a <b>toy</b>",
        (Check("at least 2", "3", lambda rows: (f"{value(rows):g}", value(rows) >= 2)),),
        (Table("one", ("x",), {"a": "quantity", "b": "value"}, lambda rows: rows),),
        (Lines("a line", lambda rows: rows.by("quantity"), "x", "x", "y"),),
    )


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    experiments = {each.name: each for each in (toy("one", 1), toy("two", 2))}
    monkeypatch.setattr(paper, "EXPERIMENTS", experiments)
    monkeypatch.setattr(module, "EXPERIMENTS", experiments)
    return Lab(quick=True, out=tmp_path, say=lambda _: None)


def names(folder: Path) -> Sequence[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_all_are_run_judged_and_written(lab: Lab) -> None:
    results = reproduce(lab, command="epsball reproduce --quick")
    assert [result.verdict for result in results] == [Verdict.FAILS, Verdict.HOLDS]
    assert names(lab.out) == ["README.md", PAGE, "one-1.svg", "one.json", "two-1.svg", "two.json"]
    written = json.loads((lab.out / "two.json").read_text())
    assert written["verdict"] == "holds"
    assert written["environment"]["command"] == "epsball reproduce --quick"
    assert (written["shared"], written["columns"][4:]) == ({"quantity": "y", "experiment": "two"}, ["x"])
    assert written["rows"] == [[0.0, None, None, 1, 0.0], [2.0, None, None, 1, 1.0]]
    page, summary = (lab.out / PAGE).read_text(), (lab.out / "README.md").read_text()
    assert "does not hold" in page
    assert "a &lt;b&gt;toy" in page
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert "https:" not in page
    assert "| [E2 two](two.json) | two is so | at least 2 | 3 | 2 | yes | **holds**, quick: other data, " in summary
    assert (lab.out / "two-1.svg").read_text().startswith("<svg xmlns=")
    assert "var(--" not in (lab.out / "two-1.svg").read_text()


def test_the_page_gathers_what_earlier_runs_left(lab: Lab) -> None:
    reproduce(lab, ["E2"])
    assert [result.experiment.name for result in read(lab.out)] == ["two"]
    reproduce(lab, ["one"])
    assert [result.experiment.name for result in read(lab.out)] == ["one", "two"]
    assert (lab.out / PAGE).read_text().count('class="experiment"') == 2


def test_a_stopped_run_goes_on_where_it_was(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: Lab) -> Rows:
        raise KeyboardInterrupt

    whole = paper.EXPERIMENTS["two"]
    stopped = replace(whole, measure=stop)
    monkeypatch.setitem(paper.EXPERIMENTS, "two", stopped)
    with pytest.raises(KeyboardInterrupt):
        reproduce(lab)
    assert [result.experiment.name for result in read(lab.out)] == ["one"]
    monkeypatch.setitem(paper.EXPERIMENTS, "two", whole)
    said: list[str] = []
    again = Lab(quick=True, out=lab.out, say=said.append)
    assert len(reproduce(again)) == 2
    assert "one: value" not in said
    assert "two: value" in said


def test_unknown_names_and_damaged_results_are_refused(lab: Lab) -> None:
    with pytest.raises(InputError, match="there is no experiment three; give E1 one, E2 two"):
        find(["three"])
    reproduce(lab)
    of_another_version = json.loads((lab.out / "one.json").read_text()) | {"rows": []}
    of_an_old_one = {"measured": {"value": 1}, "circumstances": FACTS["environment"], "seconds": 1.0}
    for text in ("{", json.dumps(of_an_old_one), json.dumps(of_another_version)):
        (lab.out / "one.json").write_text(text)
        with pytest.raises(InputError, match=r"one.json is no result of this version, or a damaged one; delete it"):
            read(lab.out)


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ((True, True), Verdict.HOLDS),
        ((True, None), Verdict.HOLDS),
        ((True, False), Verdict.PARTLY),
        ((False, None), Verdict.FAILS),
        ((None,), Verdict.MISSING),
        ((), Verdict.MISSING),
    ],
)
def test_a_verdict_is_computed_from_the_checks(holds: tuple[bool | None, ...], expected: Verdict) -> None:
    assert verdict(tuple(Finding("", "", "", each) for each in holds)) is expected


def test_a_real_experiment_through_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "results"
    said = CliRunner().invoke(app, ["reproduce", "E5", "--quick", "--json", "--out", str(out)])
    assert said.exit_code == 0, said.stderr
    (described,) = json.loads(said.stdout)["experiments"]
    written = json.loads((out / "binary.json").read_text())
    assert (described["id"], described["verdict"], described["checks"]) == ("E5", written["verdict"], written["checks"])
    assert written["verdict"] == verdict(paper.EXPERIMENTS["binary"].findings(Rows.read(written))).value
    assert written["checks"][0]["holds"] is True  # eq. 7 holds of every affine classifier
    assert names(out) == ["README.md", "binary-1.svg", "binary.json", PAGE]
    assert list((tmp_path / "cache").rglob("*.safetensors"))


WHOLE = {
    "linear-growth": test_linear_growth.TRUE,
    "binary": test_binary.TRUE,
    "comparison": test_comparison.TRUE,
    "fine-tuning": test_fine_tuning.TRUE,
    "regions": test_regions.TRUE,
    "transfer": test_transfer.TRUE,
}
"""Experiments with bars such as |f| or |r| in their texts, among others."""


def test_every_row_of_a_table_of_the_summary_has_as_many_cells_as_its_head(tmp_path: Path) -> None:
    for name, rows in WHOLE.items():
        (tmp_path / f"{name}.json").write_text(rows.document(FACTS), encoding="utf-8")
    write_page(tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert r"\|f\|/‖ω‖" in text
    blocks = [block.splitlines() for block in re.split(r"\n(?!\|)", text) if "\n|" in f"\n{block}"]
    tables = [[line for line in block if line.startswith("|")] for block in blocks]
    assert len(tables) > 10
    for lines in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1, lines[0]


def test_every_experiment_of_the_paper_is_there() -> None:
    assert [each.id for each in paper.EXPERIMENTS.values()] == [f"E{number}" for number in range(1, 14)]
    assert all(name == each.name for name, each in paper.EXPERIMENTS.items())
    folder = Path(__file__).parent
    untested = [name for name in paper.EXPERIMENTS if not (folder / f"test_{name.replace('-', '_')}.py").exists()]
    assert untested == []


def test_an_experiment_is_found_by_its_number_and_a_slip_is_guessed() -> None:
    assert [each.id for each in find(["4", "e3", "E2"])] == ["E4", "E3", "E2"]
    with pytest.raises(InputError, match="did you mean 'precision'"):
        find(["precison"])


def test_the_time_is_said_before_anything_is_measured(lab: Lab) -> None:
    said: list[str] = []
    reproduce(replace(lab, say=said.append), ["one"])
    assert said[0].startswith("1 experiment, about 1")
    assert set(FULL) == set(QUICK) == set(EXPERIMENTS)


@pytest.mark.usefixtures("lab")
def test_the_terminal_says_yes_or_no_and_a_seed_replaces_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner(env={"COLUMNS": "200"})
    said = runner.invoke(app, ["reproduce", "--quick", "--out", "r"])
    assert said.exit_code == 0, said.output
    lines = {line.split()[1]: line for line in said.stdout.splitlines() if line.strip().startswith("E")}
    assert " no " in lines["one"]
    assert " yes " in lines["two"]
    assert "quick: other data" in said.stdout
    page = Path("r", PAGE).read_text()
    other = runner.invoke(app, ["reproduce", "--quick", "--out", "r", "--seed", "1"])
    assert "r/seed-1/index.html" in other.stderr
    assert Path("r", PAGE).read_text() == page
    assert Path("r", "seed-1", PAGE).exists()


@pytest.mark.usefixtures("lab")
def test_quick_results_replace_none_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    for seed in ("0", "1"):
        options = ["reproduce", "--out", "r", "--seed", seed]
        folder = Path("r") if seed == "0" else Path("r", "seed-1")
        assert runner.invoke(app, [*options, "one"]).exit_code == 0
        there = {name: (folder / name).read_bytes() for name in names(folder)}
        for _ in range(2):
            said = runner.invoke(app, [*options, "--quick", "--json"])
            assert json.loads(said.stdout)["page"] == str(folder / "quick" / PAGE)
            assert {name: (folder / name).read_bytes() for name in names(folder)} == there
        assert "quick: other data" in (folder / "quick" / PAGE).read_text()


def test_no_legend_lies_over_what_is_drawn() -> None:
    rows = Rows(
        tuple(exactly(1.0).of("y", network=group, attack=name) for group in "ab" for name in ("long one", "two"))
    )
    plot = Bars("bars", lambda all_rows: all_rows.by("attack"), "network", "y").draw(rows)
    figure = plot.figure
    figure.canvas.draw()
    (legend,) = figure.legends
    assert plot.get_legend() is None
    assert legend.get_window_extent().y0 >= plot.get_window_extent().y1
