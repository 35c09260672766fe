"""What people write on an ordinary day: their own data, their own networks, names for things, and a table at the end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import epsball as eb
from epsball import losses
from toy import Affine, samples, toy_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

THREAT = eb.Threat("linf", 0.015)
LONGEST = 400


class Wrapped(nn.Module):
    """A network whose answer lies in something else."""

    def __init__(self, around: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.net, self.around = Affine(), around

    def forward(self, x: Tensor) -> Any:
        return self.around(self.net(x))


class Pairs(Dataset[tuple[Tensor, int]]):
    """Images and labels, one at a time."""

    def __init__(self) -> None:
        self.x, self.y = samples()

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.x[row], int(self.y[row])


def in_arrays() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    x, y = samples()
    return x.numpy(), y.numpy()


def wrong(make: Any, **settings: object) -> object:
    """What a type checker would not let pass."""
    return make(**settings)


def evaluated(data: Any, model: Any = None) -> eb.Evaluation:
    return eb.evaluate(Affine() if model is None else model, data, THREAT, suite=eb.FGSM())


@pytest.fixture(scope="module")
def usual() -> eb.Evaluation:
    return evaluated(samples())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("everyday") / "run"
    toy_run(path)
    return path


@pytest.mark.parametrize(
    "data",
    [Pairs, lambda: TensorDataset(*samples()), lambda: DataLoader(Pairs(), batch_size=16), in_arrays],
    ids=["Dataset", "TensorDataset", "DataLoader", "numpy"],
)
def test_data_come_as_they_are(data: Callable[[], Any], usual: eb.Evaluation) -> None:
    run = evaluated(data())
    assert run.clean_accuracy == usual.clean_accuracy
    assert (run.upper == usual.upper).all()


@pytest.mark.parametrize(
    "around",
    [lambda z: SimpleNamespace(logits=z), lambda z: {"logits": z}, lambda z: {"scores": z}],
    ids=["an object with logits", "a dictionary with logits", "a dictionary of one entry"],
)
def test_answers_are_unwrapped(around: Callable[[Tensor], Any], usual: eb.Evaluation) -> None:
    assert (evaluated(samples(), Wrapped(around)).upper == usual.upper).all()


@pytest.mark.parametrize(("name", "loss"), losses.NAMED.items())
def test_a_loss_is_a_function_or_its_name(name: str, loss: losses.Loss) -> None:
    assert eb.PGD(loss=name) == eb.PGD(loss=loss)
    assert eb.PGD(loss=name).loss is loss
    assert eb.BIM(loss=name).loss is loss


@pytest.mark.parametrize("norm", ["l2", "L2", 2, 2.0, eb.l2])
def test_a_norm_is_an_object_a_name_or_an_order(norm: Any) -> None:
    assert eb.Threat(norm, 0.5) == eb.Threat(eb.l2, 0.5)


def test_a_setting_is_a_number_or_a_fraction() -> None:
    assert eb.PGD(rate="2/255").rate == eb.PGD(rate=2 / 255).rate == 2 / 255
    assert eb.FMN(first="1/4", steps=5) == eb.FMN(first=0.25, steps=5)
    preset: Any = eb.MomentumPGD  # the settings of a preset are typed as the numbers that they become
    assert preset(rate="1/10", decay="1/2") == preset(rate=0.1, decay=0.5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: eb.PGD(loss="margn"), "PGD was given loss='margn'; did you mean 'margin'?"),
        (lambda: wrong(eb.PGD, loss=7), "PGD was given loss=7; expected a function, or one of cross_entropy"),
        (lambda: eb.PGD(rate="fast"), "rate of PGD was given as 'fast'; expected a number or a fraction"),
        (lambda: wrong(eb.BIM, steps="1/2"), "steps of BIM was given as '1/2'; expected a whole number"),
        (lambda: eb.Threat("linff", 0.1), "'linff'; did you mean 'linf'?"),
        (lambda: eb.evaluate(Affine(), samples(), THREAT, "standrad"), "'standrad'; did you mean 'standard'?"),
        (lambda: eb.evaluate(Affine(), samples(), THREAT, certifiers=["ibp"]), "no certificate 'ibp'"),
        (lambda: eb.load_data("mnst"), "'mnst'; did you mean 'mnist'?"),
        (lambda: eb.load_model("zoo:lenet-mnits"), "'lenet-mnits'; did you mean 'lenet-mnist'?"),
        (lambda: eb.load_model("zooo:linear"), "'zooo'; did you mean 'zoo'?"),
    ],
)
def test_a_slip_of_the_pen_is_one_sentence(call: Callable[[], object], said: str) -> None:
    with pytest.raises(eb.InputError) as caught:
        call()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_read_as_it_was_written(folder: Path) -> None:
    run = eb.load_run(folder)
    assert list(run.to_pandas()) == ["id", "label", "clean", "lower", "upper", "by", "queries", "gradients"]
    assert (run.to_pandas().upper.to_numpy() == run.upper).all()


def test_pandas_opens_the_folder_of_an_attack(folder: Path) -> None:
    run = eb.load_run(folder)
    for name, attack in zip(run.attacks, sorted((folder / "attacks").iterdir()), strict=True):
        frame = pd.read_parquet(attack)
        assert list(frame) == list(run.attacks[name].columns())
        assert (frame.distance.to_numpy() == run.attacks[name].distance).all()


def test_everything_is_said_in_a_line_and_a_small_table(folder: Path) -> None:
    x, y = samples()
    found = eb.DeepFool()(Affine(), x, y, eb.Threat("l2"))
    shown: list[Any] = [eb.load_run(folder), found, THREAT, eb.wrap(Affine(), [0.5], [0.25])]
    for each in shown:
        assert len(repr(each)) <= LONGEST
        page = each._repr_html_()
        assert page.startswith("<table>")
        assert len(page) < 10 * LONGEST
        assert "color" not in page
        assert "background" not in page


def test_what_people_named_is_no_markup() -> None:
    names = ["<b>cat</b>", "dog", "owl", "fox"]
    run = eb.evaluate(Affine(), samples(), THREAT, {"<i>mine</i>": eb.FGSM()}, class_names=names)
    page = run._repr_html_()
    assert "<i>" not in page
    assert "&lt;i&gt;mine&lt;/i&gt;" in page


def test_attacks_go_by_their_names() -> None:
    x, y = samples()
    model = Affine()
    suites: list[Any] = ["fgsm,pgd", ["fgsm", "PGD"], ["fgsm", eb.PGD], [eb.FGSM, eb.PGD()]]
    for suite in suites:
        assert list(eb.evaluate(model, (x, y), THREAT, suite=suite).attacks) == ["fgsm", "pgd"]
    assert list(eb.evaluate(model, (x, y), THREAT, suite="FGSM").attacks) == ["fgsm"]
    wrong: Any = ["pdg"]
    with pytest.raises(eb.InputError, match="did you mean 'pgd'"):
        eb.evaluate(model, (x, y), THREAT, suite=wrong)


def test_what_is_mixed_up_is_a_sentence(tmp_path: Path) -> None:
    folder: Any = tmp_path
    with pytest.raises(eb.InputError, match="expected what evaluate returned"):
        eb.write_report(folder, tmp_path)
    run: Any = toy_run()
    with pytest.raises(eb.InputError, match="the run folder was given as"):
        eb.export(run, tmp_path / "images")
