"""Several threads that use one network, or two that share layers: right numbers, and the network as it was."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

import epsball as eb

if TYPE_CHECKING:
    from collections.abc import Callable

X = torch.rand(32, 1, 6, 6, generator=torch.Generator().manual_seed(0))
THREAT = eb.Threat("linf", 0.05)
THREADS = 4


def unsettled() -> nn.Sequential:
    """A network that answers otherwise, and changes, in training mode."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 5)
        ).train()


class Called(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def is_as_it_was(net: nn.Module) -> bool:
    fresh = unsettled().state_dict()
    same = all(torch.equal(value, fresh[name]) for name, value in net.state_dict().items())
    return same and all(part.training for part in net.modules()) and all(w.requires_grad for w in net.parameters())


def in_threads(work: Callable[[int], Tensor]) -> list[Tensor]:
    together = threading.Barrier(THREADS)

    def one(number: int) -> Tensor:
        together.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_attacks_in_threads_find_what_they_find_alone() -> None:
    net = unsettled()
    y = eb.wrap(net)(X).argmax(1)
    expected = eb.PGD(steps=10)(net, X, y, THREAT).x
    for _ in range(3):
        assert all(torch.equal(x, expected) for x in in_threads(lambda _: eb.PGD(steps=10)(net, X, y, THREAT).x))
        assert is_as_it_was(net)


def test_attacks_and_direct_calls_of_one_model_at_once() -> None:
    net = unsettled()
    model = eb.wrap(net)
    logits = model(X)
    y = logits.argmax(1)

    def work(number: int) -> Tensor:
        if number:
            return torch.stack([model(X) for _ in range(30)])
        return eb.PGD(steps=10)(model, X, y, THREAT).x

    for _ in range(3):
        found = in_threads(work)
        for answers in found[1:]:
            torch.testing.assert_close(answers, logits.expand_as(answers))
        assert is_as_it_was(net)


def test_networks_that_share_layers_wait_for_each_other() -> None:
    net = unsettled()
    heads = [nn.Sequential(net, nn.Identity()), nn.Sequential(nn.Identity(), net)]
    y = eb.wrap(net)(X).argmax(1)
    expected = eb.DeepFool()(net, X, y, eb.Threat("l2")).distance
    for distance in in_threads(lambda number: eb.DeepFool()(heads[number % 2], X, y, eb.Threat("l2")).distance):
        torch.testing.assert_close(distance, expected)
    assert is_as_it_was(net)
    assert all(head.training for head in heads)


def test_a_network_whose_layers_answer_in_threads_of_its_own_does_not_wait_for_itself() -> None:
    members = [eb.wrap(unsettled()) for _ in range(2)]

    def ensemble(x: Tensor) -> Tensor:
        with ThreadPoolExecutor(2) as pool:
            return torch.stack(list(pool.map(lambda member: member(x), members))).mean(0)

    y = members[0](X).argmax(1)
    assert eb.FGSM()(ensemble, X, y, THREAT).success.shape == (32,)


def test_an_error_in_one_thread_leaves_the_others_alone() -> None:
    net = unsettled()
    y = eb.wrap(net)(X).argmax(1)

    def failing(x: Tensor) -> Tensor:
        if x.requires_grad:
            raise ValueError("no")
        answer: Tensor = net(x)
        return answer

    def work(number: int) -> Tensor:
        try:
            return eb.PGD(steps=5)(failing if number == 0 else net, X, y, THREAT).success
        except eb.ModelError:
            return torch.ones(())

    assert in_threads(work)[0].ndim == 0
    assert is_as_it_was(net)


def test_the_global_random_state_is_given_back_by_the_last() -> None:
    before = torch.random.get_rng_state()
    net = unsettled()
    net.register_forward_hook(lambda _module, _inputs, answer: answer + 0 * torch.rand_like(answer))
    y = torch.zeros(len(X)).long()
    in_threads(lambda _: eb.PGD(steps=3)(net, X, y, THREAT).x)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on Unix")
@pytest.mark.filterwarnings(
    "ignore:.*fork:DeprecationWarning", "ignore:os.fork:RuntimeWarning"
)  # JAX's own, where it is loaded
def test_a_fork_while_another_thread_attacks_neither_waits_nor_stays_frozen() -> None:
    net, begun, done = unsettled(), threading.Event(), threading.Event()

    def waits(x: Tensor) -> Tensor:
        begun.set()
        done.wait(60)
        return x

    net.insert(0, Called(waits))
    thread = threading.Thread(target=lambda: eb.FGSM()(net, X, torch.zeros(len(X), dtype=torch.int64), THREAT))
    thread.start()
    begun.wait(60)
    child = os.fork()
    if child == 0:
        free = all(part.training for part in net.modules()) and all(w.requires_grad for w in net.parameters())
        done.set()
        eb.wrap(net)(X[:1])
        os._exit(0 if free else 1)
    limit = time.monotonic() + 30
    ended, status = 0, 0
    while not ended and time.monotonic() < limit:
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    done.set()
    thread.join()
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == child
    assert os.waitstatus_to_exitcode(status) == 0
