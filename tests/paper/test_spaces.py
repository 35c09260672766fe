from __future__ import annotations

import torch

import epsball as eb
from epsball.geometry import linf
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


def test_only_pixels_have_a_box() -> None:
    views = [space.view(MODEL, X[:5]) for space in (pixels(X), centred(X), whitened(X))]
    assert [view.threat(linf).low == 0 and view.threat(linf).high == 1 for view in views] == [True, False, False]


def test_rho_in_linf() -> None:
    x, mean = X[:5], X.mean(0)
    size = R.double().flatten(1).abs().amax(1)
    for space, centre in ((pixels(X), torch.zeros_like(mean)), (centred(X), mean)):
        expected = size / (x - centre).double().flatten(1).abs().amax(1)
        assert torch.allclose(space.view(MODEL, x).rho(x + R, linf), expected, rtol=1e-6)
    space, view = whitened(X), whitened(X).view(MODEL, x)
    turned = ((x - space.centre).flatten(1).flip(1) + space.centre.flatten(1)).reshape(x.shape)
    assert space.matrix is not None
    moved = (turned.double().flatten(1) @ space.matrix).reshape(x.shape).float()
    expected = (space(turned) - space(x)).abs().amax(1) / space(x).abs().amax(1)
    assert torch.allclose(view.rho(moved, linf), expected, rtol=1e-4)
    assert torch.equal(view[1:3].rho(moved[1:3], linf), view.rho(moved, linf)[1:3])


def test_a_network_seen_from_the_whitened_space_is_the_same_network() -> None:
    x, view = X[:5], whitened(X).view(MODEL, X[:5])
    assert torch.allclose(view.model(view.x), MODEL(x), atol=1e-5)
    assert torch.allclose(view.pixels(view.x), x, atol=1e-5)


def test_in_the_whitened_space_rho_is_that_of_whitened_images_of_equal_mean_and_contrast() -> None:
    space, x = whitened(X), X[:5]
    view = space.view(MODEL, x)
    flat = (x - space.centre).flatten(1)
    turned = (flat.flip(1) + space.centre.flatten(1)).reshape(x.shape)
    assert space.matrix is not None
    moved = (turned.double().flatten(1) @ space.matrix).reshape(x.shape).float()
    expected = (space(turned) - space(x)).norm(dim=1) / space(x).norm(dim=1)
    assert torch.allclose(view.rho(moved), expected, rtol=1e-4)


def test_whitening_gives_every_direction_the_mean_spread_down_to_the_floor() -> None:
    space = whitened(X)
    assert space.matrix is not None
    before = space(X) @ torch.linalg.inv(space.matrix)
    values = torch.linalg.eigvalsh(before.T @ before / len(X)).clamp_min(0)
    after = space(X)
    spread = torch.linalg.eigvalsh(after.T @ after / len(X))
    expected = values.mean() * values / values.clamp_min((10 / 255) ** 2)
    assert torch.allclose(spread, expected.sort().values, atol=1e-9)
    assert torch.allclose(before.std(1).mean(), X.sub(X.mean(0)).double().flatten(1).std(1).mean(), rtol=1e-6)


def test_brightness_and_contrast_do_not_change_a_whitened_image() -> None:
    space = whitened(X)
    centred_images = X[:3] - space.centre
    assert torch.allclose(space(0.8 * centred_images + 0.2 + space.centre), space(X[:3]), atol=1e-4)
    faint = 0.1 * centred_images + space.centre
    assert bool((space(faint).norm(dim=1) < space(X[:3]).norm(dim=1)).all())
