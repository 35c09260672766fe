from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
import torch
from torch import nn

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Callable


def test_normalisation_happens_inside_so_that_inputs_stay_in_data_units() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    x = torch.rand(5, 3, 2, 2)
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])
    by_hand = net((x - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1))
    torch.testing.assert_close(eb.wrap(net, mean=mean.tolist(), std=std)(x), by_hand)
    assert eb.wrap(net, mean=0.5)(x).dtype == torch.float32


def test_wrapping_twice_changes_nothing_and_cannot_contradict() -> None:
    model = eb.wrap(nn.Flatten(), mean=0.5)
    assert eb.wrap(model) is model
    with pytest.raises(eb.InputError, match="wrapped already"):
        eb.wrap(model, mean=0.1)


def test_the_fingerprint_names_weights_and_normalisation() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    first = eb.wrap(net).fingerprint()
    assert len(first) == 64
    assert first == eb.wrap(net).fingerprint()
    assert first != eb.wrap(net, mean=0.5).fingerprint()
    with torch.no_grad():
        next(net.parameters())[0, 0] += 1e-7
    assert first != eb.wrap(net).fingerprint()
    assert not eb.wrap(lambda x: x).fingerprint()


def test_channels_last_lends_weights_and_takes_them_back() -> None:
    net = nn.Conv2d(3, 8, 3)
    model, before = eb.wrap(net), net.weight.data_ptr()
    values = net.weight.detach().clone()
    with model.frozen(channels_last=True):
        assert net.weight.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(net.weight, values)
    assert net.weight.data_ptr() == before
    assert net.weight.is_contiguous()


def unsettled() -> nn.Sequential:
    """A network that dropout and batch norm tell in which mode it is."""
    return nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 3)).train()


def same(net: Any) -> Any:
    return net


def its_forward(net: nn.Module) -> Callable[..., Any]:
    return net.forward


@pytest.mark.parametrize("of", [same, its_forward, functools.partial, lambda net: functools.partial(net.forward)])
def test_a_direct_call_answers_in_evaluation_mode_and_leaves_the_network(of: Callable[[nn.Module], Any]) -> None:
    net, x = unsettled(), torch.rand(5, 3, 2, 2, requires_grad=True)
    net[2].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    model = eb.wrap(of(net))
    assert model.module is net
    answer = model(x)
    assert [part.training for part in net] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    answer.sum().backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
    assert x.grad is not None
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())
    assert torch.equal(answer, net.eval()(x))


def test_a_direct_call_is_frozen_in_evaluation_mode_too_and_may_draw() -> None:
    net = unsettled().eval()
    assert not eb.wrap(net)(torch.rand(5, 3, 2, 2)).requires_grad
    net.register_forward_hook(lambda _module, _inputs, answer: answer + torch.rand_like(answer))
    model, x = eb.wrap(net), torch.rand(5, 3, 2, 2)
    assert not torch.equal(model(x), model(x))


def test_training_asks_the_network_as_it_is() -> None:
    net = unsettled()
    answer = eb.wrap(net).as_it_is(torch.rand(5, 3, 2, 2))
    assert answer.requires_grad
    assert int(net.state_dict()["0.num_batches_tracked"]) == 1


def test_fractions_stand_wherever_a_number_does() -> None:
    x = torch.rand(2, 3)
    assert torch.equal(eb.wrap(same, "1/2", "1/4")(x), eb.wrap(same, 0.5, 0.25)(x))
    assert torch.equal(eb.wrap(nn.Identity(), ["1/2", 0, "1"])(x), x - torch.tensor([0.5, 0, 1]))


@pytest.mark.parametrize(
    ("mean", "words"),
    [
        ([0.1] * 4, r"mean was given for 4 channels .* shape \(2, 3, 4, 4\); .* 3 here"),
        (torch.zeros(3, 5, 5), r"shape \(3, 5, 5\)"),
        (float("nan"), "mean was given as nan; expected finite"),
        ([0.1, float("inf"), 0.1], "expected finite"),
        ("half", "mean was given as 'half'"),
        ({}, "mean was given as {}; expected one number"),
    ],
)
def test_a_mean_that_fits_nothing_is_one_sentence(mean: object, words: str) -> None:
    with pytest.raises(eb.InputError, match=words):
        eb.wrap(nn.Flatten(), mean=cast("Any", mean))(torch.rand(2, 3, 4, 4))


def test_more_channels_than_the_images_have_are_refused_before_the_network_is_asked() -> None:
    with pytest.raises(eb.InputError, match=r"std was given for 3 channels .* 1 here"):
        eb.wrap(nn.Flatten(), std=[0.5] * 3)(torch.rand(2, 1, 4, 4))


def several_lines(_x: torch.Tensor) -> torch.Tensor:
    raise ValueError("first\n  second\nthird")


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (several_lines, r"first second third; .*net\(torch.rand\(2, 3, requires_grad=True\)\)$"),
        (lambda x: torch.from_numpy(x.numpy()), "must be differentiable and run with gradients enabled"),
        (lambda x: x.round().long(), "type int64; expected floating-point logits"),
        (lambda x: torch.complex(x, x), "type complex64"),
    ],
)
def test_a_failure_is_one_line_with_its_remedy(net: Callable[[torch.Tensor], Any], words: str) -> None:
    with pytest.raises(eb.ModelError, match=words) as caught:
        eb.wrap(net)(torch.rand(2, 3, requires_grad=True))
    assert "\n" not in str(caught.value)


class Ended(BaseException):
    """What ends a program, of somebody's own making."""


def raising(error: BaseException) -> Callable[[torch.Tensor], torch.Tensor]:
    def net(_x: torch.Tensor) -> torch.Tensor:
        raise error

    return net


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), Ended("now")], ids=repr)
def test_a_network_that_ends_the_program_has_failed_like_any_other(error: BaseException) -> None:
    with pytest.raises(eb.ModelError, match=f"^the model raised {type(error).__name__} on an input of shape"):
        eb.wrap(raising(error))(torch.rand(2, 3))
    with pytest.raises(KeyboardInterrupt):
        eb.wrap(raising(KeyboardInterrupt()))(torch.rand(2, 3))


@pytest.mark.parametrize("shape", [(5, 10), (5, 2), (4,), (5, 1, 2)])
def test_one_logit_a_sample_is_not_several(shape: tuple[int, ...]) -> None:
    with pytest.raises(eb.ModelError, match='one logit a sample, as outputs="binary" says'):
        eb.wrap(lambda _x: torch.ones(shape), outputs="binary")(torch.rand(5, 3))


class Answer(NamedTuple):
    """What many libraries' networks return."""

    logits: torch.Tensor
    hidden: torch.Tensor


@pytest.mark.parametrize(
    "answer",
    [
        lambda z: {"scores": z},
        lambda z: {"loss": None, "logits": z},
        lambda z: Answer(z, torch.zeros(2)),
        lambda z: SimpleNamespace(logits=z),
        lambda z: (z,),
        lambda z: [z],
    ],
    ids=["one key", "logits among others", "named tuple", "attribute", "tuple of one", "list of one"],
)
def test_the_table_in_an_answer_is_found(answer: Callable[[torch.Tensor], object]) -> None:
    z = torch.tensor([[1.0, 2.0], [4.0, 3.0]])
    assert torch.equal(eb.wrap(lambda x: answer(x + z))(torch.zeros(2, 2)), z)


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda z: {"aux": -z, "out": z}, "out"),
        (lambda z: {"aux": -z, "logits": -z, "out": {"logits": z}}, "out"),
        (lambda z: {"aux": -z, "out": z}, 1),
        (lambda z: {3: -z, 5: z}, "5"),
        (lambda z: (-z, z), 1),
        (lambda z: [-z, z], "1"),
        (lambda z: Answer(-z, z), "hidden"),
        (lambda z: SimpleNamespace(logits=-z, main=z), "main"),
        (lambda z: (-z, z), -1),
        (lambda z: {"aux": z, "out": -z}, "-2"),
        (lambda z: {"aux": -z, "out": {"scores": z}}, "scores"),
        (lambda z: (-z, {"scores": z}), "scores"),
        (lambda z: {"aux": {"scores": -z}, "out": {"scores": z}}, "out.scores"),
    ],
)
def test_an_entry_of_several_is_named_or_numbered(answer: Callable[[torch.Tensor], object], key: str | int) -> None:
    z = torch.tensor([[1.0, 2.0], [4.0, 3.0]])
    assert torch.equal(eb.wrap(lambda x: answer(x + z), key=key)(torch.zeros(2, 2)), z)


@pytest.mark.parametrize(
    ("answer", "key", "says"),
    [
        ({"aux": 1, "out": 2}, "main", "with the entries aux, out, and none is 'main'"),
        ((torch.zeros(2, 2), torch.ones(2, 2)), 2, "tuple with 2 entries, and none is '2'"),
        ((torch.zeros(2, 2), torch.ones(2, 2)), -3, "tuple with 2 entries, and none is '-3'"),
        (torch.zeros(2, 2), 0, "a Tensor and nothing beside it, and the key is '0'; leave the key out"),
        (torch.zeros(2, 2), "logits", "the key is 'logits'; leave the key out"),
        ({"aux": 1, "logits": 2}, "logit", "none is 'logit'; did you mean 'logits'[?] give the name"),
        (
            {"a": {"scores": 1}, "b": {"scores": 2}},
            "scores",
            r"a\.scores and b\.scores are 'scores'; give one of these as the key",
        ),
        ({"aux": 1, "o": {"logits": 2}}, "logit", r"none is 'logit'; did you mean 'o\.logits'[?]"),
        ({}, "", "returned an empty dict; expected"),
        ((), "", "returned an empty tuple; expected"),
        (None, "", "returned None; expected a tensor .* return logits"),
        ("cat", "", "returned a str; expected a tensor .* return logits"),
        ({"aux": 1, "out": 2}, "", r"aux, out; .* --key KEY or eb\.wrap\(net, key=KEY\)"),
        ((torch.zeros(2, 2), torch.ones(2, 2)), "", "--key 0"),
    ],
)
def test_an_entry_that_is_not_there_is_said_with_those_that_are(answer: object, key: str | int, says: str) -> None:
    with pytest.raises(eb.ModelError, match=says):
        eb.wrap(lambda _: answer, key=key)(torch.zeros(2, 2))
    with pytest.raises(eb.InputError, match="key was given as"):
        eb.wrap(lambda _: answer, key=0.5)(torch.zeros(2, 2))  # type: ignore[arg-type]
    with pytest.raises(eb.InputError, match="wrapped already"):
        eb.wrap(eb.wrap(lambda x: x, key="out"), key="other")
