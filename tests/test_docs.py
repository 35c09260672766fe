"""The documentation says what the code does: generated pages are fresh, examples run, links lead somewhere."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import torch

import epsball as eb
from epsball.attacks.registry import registry
from epsball.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]


def example(page: str) -> str:
    """The first Python example of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return str(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0])


def test_the_table_of_threat_models_is_fresh() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "threat_models.py"))
    assert script["page"]() == script["PAGE"].read_text(encoding="utf-8"), "run python docs/threat_models.py"


def test_the_table_of_checks_is_fresh() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "checks.py"))
    assert script["page"]() == script["PAGE"].read_text(encoding="utf-8"), "run python docs/checks.py"
    assert all((ROOT / test).is_file() for *_, test in script["PREVENTED"])


def test_every_attack_stands_in_the_table() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "threat_models.py"))
    assert {"FGSM", "PGD", "DeepFool", "LBFGS", "AdditiveNoise", "BIM"} <= set(script["members"]())


def test_the_number_of_attacks_is_what_the_readme_says() -> None:
    stated = re.search(
        r"^\| number of attacks \| (\d+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert stated is not None
    assert int(stated[1]) == len(registry())


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/adding-an-attack.md"])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_example_attack_works_as_printed(page: str, norm: str, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(example(page), encoding="utf-8")
    attack: type[eb.Attack] = runpy.run_path(str(tmp_path / "example.py"))["TowardsCorners"]
    weights = torch.randn(784, 3, generator=torch.Generator().manual_seed(0))
    model = eb.wrap(lambda x: x.flatten(1) @ weights)
    x = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    threat = eb.Threat(norm, {"linf": 0.2, "l2": 4.0, "l1": 40.0}[norm])
    found = attack()(model, x, model(x).argmax(1), threat)
    assert found.success.all()
    assert threat.contains(found.x, x).all()


def test_the_examples_of_the_front_page_run_one_after_the_other_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for place, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL)):
        (tmp_path / f"{place}.py").write_text(block, encoding="utf-8")
        names = runpy.run_path(str(tmp_path / f"{place}.py"), init_globals=names)
    assert capsys.readouterr().out
    assert all((tmp_path / name).exists() for name in ("run/run.json", "run/model-card.md", "images/examples.csv"))


@pytest.mark.parametrize(("page", "place"), [("training", 0), ("training", 1), ("data", 0)])
def test_the_examples_of_other_pages_work_as_printed(
    page: str, place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    (tmp_path / "example.py").write_text(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[place], encoding="utf-8")
    runpy.run_path(str(tmp_path / "example.py"))
    assert capsys.readouterr().out


def commands() -> list[str]:
    """Every command line of epsball on the front page."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("epsball ")]


@pytest.mark.parametrize("line", commands())
def test_the_commands_of_the_front_page_exist(line: str) -> None:
    _, name, *words = line.split()
    command = next(each for each in COMMANDS if each.title == name)
    options = {flag for parameter in command.loaded().params for flag in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
