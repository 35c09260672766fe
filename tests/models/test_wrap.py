from __future__ import annotations

import pytest
import torch
from torch import nn

import epsball as eb


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
