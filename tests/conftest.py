from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import torch

from browser import started
from toy import toy_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from epsball.record import Evaluation


def pytest_configure() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with started() as running:
        yield running


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def run() -> Evaluation:
    return toy_run()
