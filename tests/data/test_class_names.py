"""The names of the classes, from where the data have them into the record."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset

import epsball as eb
from epsball.data.load import load_data

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

X = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(6) % 2
NAMES = ["ant", "cat"]


class Named(TensorDataset):
    """A data set with the names of its classes, as torchvision's have them."""

    classes = NAMES


def model(x: torch.Tensor) -> torch.Tensor:
    return torch.stack((x.mean((1, 2, 3)), 2 - x.mean((1, 2, 3))), 1)


def evaluated(data: Any, **settings: Any) -> eb.Evaluation:
    return eb.evaluate(model, data, eb.Threat("linf", 0.1), suite=[eb.FGSM()], anyway=True, **settings)


@pytest.mark.parametrize(
    "data",
    [Named(X, Y), DataLoader(Subset(Named(X, Y), range(4)), 2)],
    ids=["data set", "loader of a subset"],
)
def test_a_data_set_brings_the_names_of_its_classes(data: Any) -> None:
    assert evaluated(data).class_names == tuple(NAMES)


def test_names_that_are_given_come_first_and_none_is_none() -> None:
    assert evaluated(Named(X, Y), class_names=["a", "b"]).class_names == ("a", "b")
    assert evaluated((X, Y)).class_names is None


def test_a_folder_names_them_and_the_record_keeps_them(tmp_path: Path, png: Callable[..., bytes]) -> None:
    for name in NAMES:
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "0.png").write_bytes(png(np.full((4, 4), 100, np.uint8)))
    pair = load_data(str(tmp_path / "data"))
    assert pair.class_names == pickle.loads(pickle.dumps(pair)).class_names == tuple(NAMES)  # noqa: S301 (our own)
    evaluated(pair, out=tmp_path / "run")
    assert eb.load_run(tmp_path / "run").class_names == tuple(NAMES)


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ({"info": {"features": {"label": {"names": NAMES, "_type": "ClassLabel"}}}}, tuple(NAMES)),
        ({"info": {"features": {"label": {"dtype": "int64"}}}}, None),
        ({"info": []}, None),
        (None, None),
    ],
)
def test_parquet_of_hugging_face_names_them(
    tmp_path: Path, png: Callable[..., bytes], metadata: Any, names: Any
) -> None:
    picture = png(np.zeros((4, 4), np.uint8))
    table = pa.table({"image": [picture] * 2, "label": [0, 1]})
    if metadata is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    pq.write_table(table, tmp_path / "set.parquet")
    assert load_data(str(tmp_path / "set.parquet")).class_names == names


def test_too_few_names_are_one_sentence() -> None:
    with pytest.raises(eb.InputError, match=r"1 class names were given and the model has 2 classes"):
        evaluated((X, Y), class_names=["ant"])
