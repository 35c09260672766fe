"""Classifiers of scikit-learn: their answers and gradients beside its own, and what is refused."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

import epsball as eb
from epsball.models.load import load_model

if TYPE_CHECKING:
    from pathlib import Path

X = np.random.default_rng(0).uniform(0, 1, (300, 16))
Y = np.argmax(X @ np.random.default_rng(1).normal(size=(16, 3)), 1)
TWO = (Y == 0).astype(int)

DIFFERENTIABLE: dict[str, Any] = {
    "logistic": LogisticRegression(),
    "ridge": RidgeClassifier(),
    "svc": LinearSVC(dual="auto"),
    "sgd": SGDClassifier(random_state=0),
    "perceptron": Perceptron(),
    "discriminant": LinearDiscriminantAnalysis(),
    "mlp-relu": MLPClassifier((12,), max_iter=60, random_state=0),
    "mlp-tanh": MLPClassifier((8, 6), activation="tanh", max_iter=60, random_state=0),
    "mlp-logistic": MLPClassifier((8,), activation="logistic", max_iter=60, random_state=0),
    "standard": make_pipeline(StandardScaler(), LogisticRegression()),
    "uncentred": make_pipeline(StandardScaler(with_mean=False, with_std=False), LogisticRegression()),
    "robust": make_pipeline(RobustScaler(), LogisticRegression()),
    "uncentred-robust": make_pipeline(RobustScaler(with_centering=False, unit_variance=True), LogisticRegression()),
    "unscaled-robust": make_pipeline(RobustScaler(with_scaling=False), LogisticRegression()),
    "minmax": make_pipeline(MinMaxScaler((-1, 1), clip=True), "passthrough", LogisticRegression()),
    "maxabs": make_pipeline(MaxAbsScaler(), Normalizer(), LogisticRegression()),
    "pca": make_pipeline(PCA(6, whiten=True), MLPClassifier((8,), max_iter=60, random_state=0)),
}
OPAQUE: dict[str, Any] = {
    "forest": RandomForestClassifier(10, random_state=0),
    "kernel": SVC(),
    "centroid": NearestCentroid(),
    "polynomial": make_pipeline(PolynomialFeatures(), LogisticRegression(max_iter=2000)),
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def scores(estimator: Any, x: np.ndarray) -> np.ndarray:
    """What scikit-learn says, up to a number for each row."""
    if hasattr(estimator, "predict_proba"):
        found = np.log(estimator.predict_proba(x))
    else:
        found = estimator.decision_function(x)
        found = np.stack((-found / 2, found / 2), 1) if found.ndim == 1 else found
    answer: np.ndarray = found - found.mean(1, keepdims=True)
    return answer


@pytest.mark.parametrize("labels", [Y, TWO], ids=["three", "two"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_module_says_and_slopes_as_the_estimator(name: str, labels: np.ndarray) -> None:
    estimator = DIFFERENTIABLE[name].fit(X, labels)
    x = torch.tensor(X[:20].reshape(20, 1, 4, 4)).requires_grad_()
    logits = eb.wrap(estimator)(x)
    assert np.array_equal(logits.argmax(1).numpy(), estimator.predict(X[:20]))
    np.testing.assert_allclose(
        (logits - logits.mean(1, keepdim=True)).detach().numpy(), scores(estimator, X[:20]), atol=1e-6
    )
    (slope,) = torch.autograd.grad(logits[:, 1].sum() - logits[:, 0].sum(), x)
    step = 1e-6 * np.eye(16)
    for axis in range(0, 16, 5):
        up, down = (scores(estimator, X[:20] + side * step[axis]) for side in (1, -1))
        rise = (up[:, 1] - up[:, 0] - down[:, 1] + down[:, 0]) / 2e-6
        inside = np.abs(slope.flatten(1)[:, axis].numpy() - rise) <= 1e-6 * np.abs(rise) + 2e-4
        assert inside.mean() >= 0.95, "but for kinks and the edge of a cut"


@pytest.mark.parametrize("name", OPAQUE)
def test_others_are_asked_for_what_they_say(name: str) -> None:
    estimator = OPAQUE[name].fit(X, Y)
    x = torch.tensor(X[:20].reshape(20, 1, 4, 4)).requires_grad_()
    logits = eb.wrap(estimator)(x)
    assert not logits.requires_grad
    assert np.array_equal(logits.argmax(1).numpy(), estimator.predict(X[:20]))


MANY = np.argmax((X - 0.5) @ np.random.default_rng(2).normal(size=(16, 5)), 1)


@pytest.mark.parametrize(
    "estimator",
    [
        SVC(decision_function_shape="ovo"),
        SVC(kernel="linear"),
        SVC(probability=True, random_state=0),
        NuSVC(nu=0.1, decision_function_shape="ovo"),
        make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo")),
        GridSearchCV(SVC(decision_function_shape="ovo"), {"C": [1, 10]}, cv=2),
        FixedThresholdClassifier(RandomForestClassifier(10, random_state=0), threshold=0.2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_the_highest_score_is_that_of_the_class_it_predicts(estimator: Any) -> None:
    estimator.fit(X, TWO if isinstance(estimator, FixedThresholdClassifier) else MANY)
    x = torch.tensor(np.random.default_rng(3).uniform(0, 1, (2000, 16)), dtype=torch.float32)
    logits = eb.wrap(estimator)(x)
    assert logits.shape == (2000, len(estimator.classes_))
    assert np.array_equal(logits.argmax(1).numpy(), estimator.predict(x.numpy()))


def test_single_precision_is_kept() -> None:
    model = eb.wrap(DIFFERENTIABLE["standard"].fit(X, Y))
    assert model(torch.rand(3, 1, 4, 4)).dtype == torch.float32
    assert eb.wrap(OPAQUE["forest"].fit(X, Y))(torch.rand(3, 16)).dtype == torch.float32


def test_one_regression_is_as_robust_as_a_module_and_not_much_more_as_scores() -> None:
    estimator = LogisticRegression().fit(X, Y)
    layer = torch.nn.Linear(16, 3)
    layer.load_state_dict({"weight": torch.tensor(estimator.coef_), "bias": torch.tensor(estimator.intercept_)})
    data = torch.tensor(X[:100], dtype=torch.float32).reshape(-1, 1, 4, 4), torch.tensor(Y[:100])
    threat = eb.Threat("linf", 0.05)
    own = eb.evaluate(estimator, data, threat).robust_accuracy(0.05)
    module = eb.evaluate(torch.nn.Sequential(torch.nn.Flatten(), layer), data, threat).robust_accuracy(0.05)
    asked = eb.evaluate(lambda x: eb.wrap(estimator)(x).detach(), data, threat).robust_accuracy(0.05)
    assert own == module
    assert module <= asked <= module + 0.03


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (LogisticRegression, "is fitted: call its fit first"),
        (StandardScaler, "a StandardScaler"),
        (lambda: LogisticRegression().fit(X, Y + 1), "fitted on the labels 1, 2, 3; expected 0 … 2"),
    ],
)
def test_what_is_no_classifier_of_such_labels_is_refused(make: Any, said: str) -> None:
    with pytest.raises(eb.InputError, match=said.replace("a StandardScaler", "given as StandardScaler")):
        eb.wrap(make())


def test_a_factory_in_a_file_may_return_one(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import numpy as np\nfrom sklearn.linear_model import LogisticRegression\n"
        "def make():\n    x = np.eye(4)\n    return LogisticRegression().fit(x, [0, 1, 0, 1])\n",
        encoding="utf-8",
    )
    assert load_model(f"{tmp_path / 'own.py'}:make")(torch.eye(4)).argmax(1).tolist() == [0, 1, 0, 1]


def test_a_file_of_skops_is_read_and_says_what_it_was(tmp_path: Path) -> None:
    pytest.importorskip("skops")
    from skops import io  # noqa: PLC0415 (of the extra)

    path = tmp_path / "own.skops"
    estimator = DIFFERENTIABLE["standard"].fit(X, Y)
    io.dump(estimator, path)
    model = load_model(f"sklearn:{path}")
    assert model.source == f"sklearn:{path}"
    assert np.array_equal(model(torch.tensor(X)).argmax(1).numpy(), estimator.predict(X))
    assert (
        model.fingerprint() == eb.wrap(estimator).fingerprint() != eb.wrap(LogisticRegression().fit(X, Y)).fingerprint()
    )


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((4,), max_iter=20, random_state=0),
        DecisionTreeClassifier(max_depth=4, random_state=0),
        RandomForestClassifier(4, random_state=0),
        GradientBoostingClassifier(n_estimators=2, random_state=0),
        HistGradientBoostingClassifier(max_iter=2, random_state=0),
        KNeighborsClassifier(),
        GaussianProcessClassifier(),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        VotingClassifier([("tree", DecisionTreeClassifier(max_depth=2))], voting="soft"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_a_file_of_any_classifier_of_its_own_is_read(estimator: Any, tmp_path: Path) -> None:
    dump(estimator.fit(X[:100], TWO[:100]), tmp_path / "own.skops")
    model = load_model(f"sklearn:{tmp_path / 'own.skops'}")
    assert np.array_equal(model(torch.tensor(X)).argmax(1).numpy(), estimator.predict(X))


@pytest.mark.parametrize(
    "name", ["sklearn.datasets._base.urlretrieve", "sklearn.neural_network._multilayer_perceptron.partial"]
)
def test_what_scikit_learn_imports_is_not_trusted(name: str, tmp_path: Path) -> None:
    dump(MLPClassifier((4,), max_iter=2).fit(X, Y), tmp_path / "own.skops")
    module, _, kind = name.rpartition(".")
    forged = tmp_path / "forged.skops"
    with zipfile.ZipFile(tmp_path / "own.skops") as own, zipfile.ZipFile(forged, "w") as other:
        for member in own.namelist():
            held = own.read(member).replace(b"AdamOptimizer", kind.encode())
            other.writestr(member, held.replace(b"sklearn.neural_network._stochastic_optimizers", module.encode()))
    with pytest.raises(eb.InputError, match=f"cannot be read .*{name}"):
        load_model(f"sklearn:{forged}")


class Stranger(LogisticRegression):  # type: ignore[misc] # scikit-learn has no types
    """A class of somebody's own, whose code a file would run."""


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda _: None, "there is no file"),
        (lambda path: path.write_bytes(b"no archive"), "cannot be read"),
        (lambda path: dump(Stranger().fit(X, Y), path), "Stranger"),
        (lambda path: dump(StandardScaler().fit(X), path), "given as StandardScaler"),
    ],
)
def test_files_that_hold_no_classifier_of_its_own_are_refused(tmp_path: Path, prepare: Any, said: str) -> None:
    prepare(tmp_path / "own.skops")
    with pytest.raises(eb.InputError, match=said):
        load_model(f"sklearn:{tmp_path / 'own.skops'}")


def dump(estimator: object, path: Path) -> None:
    from skops import io  # noqa: PLC0415 (of the extra)

    io.dump(estimator, path)
