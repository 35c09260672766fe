"""Kinds of networks and answers that people have: exported, frozen, sparse, short of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import torch
from torch import Tensor, nn

import epsball as eb
from toy import Affine, samples

if TYPE_CHECKING:
    from collections.abc import Callable

THREAT = eb.Threat("linf", 0.03)
WARNINGS = pytest.mark.filterwarnings(
    "ignore:.*(LeafSpec|torch.jit|Sparse CSR|nested tensors)"
)  # PyTorch warns of its own parts


def exported(net: nn.Module) -> Any:
    x = samples(4, 0)[0]
    return torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},))


KINDS: dict[str, Callable[[nn.Module], Any]] = {
    "exported": exported,
    "graph": lambda net: exported(net).module(),
    "inside": lambda net: nn.Sequential(exported(net).module()),
    "frozen": lambda net: torch.jit.freeze(torch.jit.script(net)),
    "traced": torch.fx.symbolic_trace,
}


@WARNINGS
@pytest.mark.parametrize("name", KINDS)
def test_a_network_of_any_kind_is_attacked_and_evaluated_like_itself(name: str) -> None:
    net, (x, y) = Affine().eval(), samples(16, 2)
    kind = KINDS[name](net)
    expected = eb.PGD(steps=3)(net, x, y, THREAT)
    found = eb.PGD(steps=3)(kind, x, y, THREAT)
    assert torch.equal(found.success, expected.success)
    run, same = (eb.evaluate(each, (x, y), THREAT, suite=[eb.FGSM()]) for each in (net, kind))
    assert run.robust_accuracy() == same.robust_accuracy()


@WARNINGS
@pytest.mark.parametrize("rows", [1, 3])
def test_a_graph_exported_for_batches_of_one_size_is_run_in_groups_of_it(rows: int) -> None:
    net, (x, y) = Affine().eval(), samples(16, 2)
    for graph in (torch.export.export(net, (x[:rows],)), torch.export.export(net, (x[:rows],)).module()):
        found = eb.PGD(steps=3)(cast("Any", graph), x, y, THREAT)
        assert torch.equal(found.success, eb.PGD(steps=3)(net, x, y, THREAT).success)
        findings = eb.evaluate(cast("Any", graph), (x, y), THREAT, suite=[eb.FGSM()]).findings
        assert "D40" in [finding.id for finding in findings]


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "coo": Tensor.to_sparse,
    "csr": Tensor.to_sparse_csr,
    "mkldnn": Tensor.to_mkldnn,
}


@WARNINGS
@pytest.mark.parametrize("name", LAYOUTS)
def test_answers_and_buffers_of_any_layout(name: str) -> None:
    lay, (x, y) = LAYOUTS[name], samples(16, 2)

    class Odd(Affine):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("kept", lay(torch.eye(4)))

        def forward(self, x: Tensor) -> Tensor:
            return lay(super().forward(x))

    net = Odd()
    kept = net.kept
    expected = eb.PGD(steps=3)(Affine(), x, y, THREAT)
    assert torch.equal(eb.PGD(steps=3)(net, x, y, THREAT).success, expected.success)
    assert net.kept is kept
    assert torch.equal(cast("Tensor", kept).to_dense(), torch.eye(4))
    assert eb.evaluate(net, (x, y), THREAT, suite=[eb.FGSM()]).clean_accuracy == 14 / 16


def test_a_sparse_buffer_that_a_pass_changes_is_given_back() -> None:
    class Counts(Affine):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("passes", torch.eye(4).to_sparse())

        def forward(self, x: Tensor) -> Tensor:
            cast("Tensor", self.passes).mul_(2)
            return super().forward(x)

    net, (x, y) = Counts(), samples(4, 0)
    eb.FGSM()(net, x, y, THREAT)
    assert torch.equal(cast("Tensor", net.passes).to_dense(), torch.eye(4))


@WARNINGS
def test_nested_answers_are_rows_or_a_sentence() -> None:
    net, (x, y) = Affine(), samples(6, 1)
    found = eb.AdditiveNoise()(lambda z: torch.nested.nested_tensor(list(net(z))), x, y, THREAT)
    assert bool(found.success[0])
    with pytest.raises(eb.ModelError, match="rows of different lengths"):
        eb.AdditiveNoise()(lambda z: torch.nested.nested_tensor([z[0, 0, 0, :2], z[0, 0, 0, :3]]), x[:2], y[:2], THREAT)


def test_weights_that_are_not_there_are_named() -> None:
    x, y = samples(4, 0)
    with pytest.raises(eb.ModelError, match="pass one batch through it first"):
        eb.FGSM()(nn.Sequential(nn.Flatten(), nn.LazyLinear(4)), x, y, THREAT)
    with pytest.raises(eb.ModelError, match="on the meta device, without values"):
        eb.FGSM()(Affine().to("meta"), x, y, THREAT)


@pytest.mark.parametrize("limit", [1, 5, 20, 63])
@pytest.mark.parametrize("of", ["rows", "gradients"])
def test_a_network_that_runs_out_of_memory_above_some_batch_is_evaluated(limit: int, of: str) -> None:
    class Tight(Affine):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) > limit and (of == "rows" or x.requires_grad):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return super().forward(x)

    x, y = samples(70)
    expected, run = (eb.evaluate(net, (x, y), THREAT, suite=[eb.PGD(steps=3)]) for net in (Affine(), Tight()))
    assert run.robust_accuracy() == expected.robust_accuracy()
    assert [finding.id for finding in run.findings] == [finding.id for finding in expected.findings]
    assert of == "gradients" or run.plan.batching.batch_size <= limit
