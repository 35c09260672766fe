"""Functions of JAX arrays: answers and gradients equal to JAX's own, few compilations, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import epsball as eb
from epsball.models.adapters import base, jax_function

if TYPE_CHECKING:
    from pathlib import Path

FACTORY = """
import jax, jax.numpy as jnp, numpy as np

def make(seed=0):
    one, two = (np.random.default_rng(i).normal(size=shape).astype("float32") for i, shape in enumerate([(16, 8), (8, 3)]))
    one, two = jnp.asarray(one), jnp.asarray(two)

    @jax.jit
    def logits(x):
        assert x.shape[0] in {1, 2, 4, 8, 16}, "rows are filled up to a power of two"
        return jnp.tanh(x.reshape(len(x), -1) @ one) @ two

    return logits
"""
X = torch.rand(11, 1, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "own.py").write_text(FACTORY, encoding="utf-8")
    return f"jax:{tmp_path / 'own.py'}:make"


def test_answers_and_gradients_are_those_of_jax(spec: str) -> None:
    import jax  # noqa: PLC0415 (takes seconds)

    model = eb.load_model(spec)
    network: Any = model.net
    function = network._answer  # noqa: SLF001 (JAX's own)
    theirs = jax.vjp(lambda a: function((), a), jax.numpy.asarray(X[:8].numpy()))
    slope = torch.rand(8, 3)
    for kind in (torch.float32, torch.float64):
        x = X[:8].to(kind).requires_grad_()
        answer = model(x)
        (gradient,) = torch.autograd.grad(answer, x, slope.to(kind), retain_graph=True)
        assert answer.dtype == gradient.dtype == kind
        np.testing.assert_allclose(answer.detach().numpy(), theirs[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            gradient.numpy(), theirs[1](jax.numpy.asarray(slope.numpy()))[0], rtol=1e-5, atol=1e-6
        )
        assert torch.equal(gradient, torch.autograd.grad(answer, x, slope.to(kind))[0])


def test_rows_do_not_depend_on_how_many_there_are(spec: str) -> None:
    model = eb.load_model(spec)
    whole = model(X)
    for rows in (1, 3, 7, 11):
        x = X[:rows].clone().requires_grad_()
        answer = model(x)
        torch.testing.assert_close(answer, whole[:rows])
        assert torch.autograd.grad(answer.sum(), x)[0].shape == x.shape


def test_an_evaluation_follows_gradients_and_can_be_verified(spec: str, tmp_path: Path) -> None:
    model = eb.load_model(spec)
    y = model(X).argmax(1)
    run = eb.evaluate(model, (X, y), eb.Threat("linf", 0.2), suite="quick", out=tmp_path / "run")
    assert run.plan.suite == "quick"
    assert eb.verify(tmp_path / "run", trust_source=True).complete
    assert eb.load_model(spec).fingerprint() == model.fingerprint() != ""


def test_weights_count_however_deep_in_a_tree_they_are_held() -> None:
    import jax  # noqa: PLC0415 (takes seconds)

    @jax.tree_util.register_pytree_node_class
    class Layer:
        """As modules of Equinox and Flax NNX are: trees of JAX that can be called."""

        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __call__(self, x: Any) -> Any:
            return self.inner(x) if isinstance(self.inner, Layer) else x.reshape(len(x), -1) @ self.inner

        def tree_flatten(self) -> tuple[tuple[Any], None]:
            return (self.inner,), None

        @classmethod
        def tree_unflatten(cls, settings: None, parts: tuple[Any]) -> Layer:
            del settings
            return cls(*parts)

    def network(value: float) -> Any:
        net: Any = jax.numpy.full((16, 3), value)
        for _ in range(8):
            net = Layer(net)
        return net

    def wrapped(net: Any, way: str) -> str:
        function = {"itself": net, "closure": lambda x: net(x), "method": lambda x: net.__call__(x)}[way]  # noqa: PLW0108 (ways of writing it)
        return eb.wrap(jax.jit(function), arrays="jax").fingerprint()

    for way in ("itself", "closure", "method"):
        assert wrapped(network(1.0), way) == wrapped(network(1.0), way) != wrapped(network(2.0), way)


def test_keys_of_random_numbers_that_a_function_holds_count() -> None:
    import jax  # noqa: PLC0415 (takes seconds)

    def model(seed: int) -> eb.Model:
        shift = jax.random.key(seed)
        return eb.wrap(lambda x: x.reshape(len(x), -1)[:, :3] + jax.random.normal(shift, (3,)), arrays="jax")

    assert model(0).fingerprint() == model(0).fingerprint() != model(1).fingerprint()


def test_memory_is_shared_where_the_device_allows() -> None:
    x = torch.rand(8, 16)
    assert jax_function._array(x).unsafe_buffer_pointer() == x.data_ptr()  # noqa: SLF001 (what is tested)


def test_labels_of_jax_are_labels() -> None:
    model = eb.wrap(lambda x: x.reshape(len(x), -1)[:, :3].argmax(1), outputs="labels:3", arrays="jax")
    assert torch.equal(model(X.clone().requires_grad_()).argmax(1), X.flatten(1)[:, :3].argmax(1))


def test_what_is_refused(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(eb.InputError, match=r"expected jax:path/to/file\.py:factory"):
        eb.load_model("jax:net.npz")
    with pytest.raises(eb.InputError, match="holds its own weights"):
        eb.load_model(f"{spec}@weights.safetensors")
    (tmp_path / "own.py").write_text("def make():\n    return 3\n", encoding="utf-8")
    with pytest.raises(eb.InputError, match="gave a int; expected a function"):
        eb.load_model(spec)
    with pytest.raises(eb.ModelError, match="returned a tuple; expected one array"):
        eb.wrap(lambda x: (x, x), arrays="jax")(X)
    monkeypatch.setattr(base, "find_spec", lambda _: None)
    with pytest.raises(eb.InputError, match=r'pip install "epsball\[jax\]"'):
        eb.wrap(lambda x: x, arrays="jax")
