from __future__ import annotations

import torch

import epsball as eb
from epsball.paper.spaces import centred, pixels, whitened

X = torch.rand(400, 1, 4, 4, generator=torch.Generator().manual_seed(0))
R = 0.1 * torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(1))


MODEL = eb.wrap(lambda x: x.flatten(1)[:, :3])


def test_in_pixels_rho_is_the_ratio_of_lengths() -> None:
    x = X[:5]
    expected = R.double().flatten(1).norm(dim=1) / x.double().flatten(1).norm(dim=1)
    assert torch.allclose(pixels(X).view(MODEL, x).rho(x + R), expected, rtol=1e-6)


def test_without_the_mean_image_only_the_denominator_changes() -> None:
    x, mean = X[:5], X.mean(0)
    expected = R.double().flatten(1).norm(dim=1) / (x - mean).double().flatten(1).norm(dim=1)
    assert torch.allclose(centred(X).view(MODEL, x).rho(x + R), expected, rtol=1e-6)


def test_a_network_seen_from_the_whitened_space_is_the_same_network() -> None:
    x, view = X[:5], whitened(X).view(MODEL, X[:5])
    assert torch.allclose(view.model(view.x), MODEL(x), atol=1e-5)
    assert torch.allclose(view.pixels(view.x), x, atol=1e-5)


def test_in_the_whitened_space_rho_is_that_of_whitened_images_of_equal_mean_and_contrast() -> None:
    space, x = whitened(X), X[:5]
    view = space.view(MODEL, x)
    turned = x.flatten(1).flip(1).reshape(x.shape)  # keeps an image's mean and contrast
    assert space.matrix is not None
    moved = (turned.double().flatten(1) @ space.matrix).reshape(x.shape).float()
    expected = (space(turned) - space(x)).norm(dim=1) / space(x).norm(dim=1)
    assert torch.allclose(view.rho(moved), expected, rtol=1e-4)


def test_whitened_images_have_the_ridged_unit_covariance() -> None:
    space = whitened(X)
    flat = space(X)
    assert torch.allclose(flat.mean(0), torch.zeros(16, dtype=torch.float64), atol=1e-9)
    spread = torch.linalg.eigvalsh(flat.T @ flat / len(flat))
    raw = X.double().flatten(1)
    raw = (raw - raw.mean(1, keepdim=True)) / raw.std(1, keepdim=True)
    raw = raw - raw.mean(0)
    values = torch.linalg.eigvalsh(raw.T @ raw / len(raw)).clamp_min(0)
    assert torch.allclose(spread, values / (values + 0.1), atol=1e-9)


def test_contrast_does_not_change_a_whitened_image() -> None:
    space = whitened(X)
    assert torch.allclose(space(0.5 * X[:3] + 0.2), space(X[:3]), atol=1e-5)
