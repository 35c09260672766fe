"""Which model it is, as plain values, and in what one differs from another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from epsball.models import probe
from epsball.models.adapters.python_file import factory_file

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class ModelIdentity:
    """What tells one model from another, as values that JSON can hold.

    Args:
        source: the text it was loaded from; empty for a live object. It is not compared: weights and code are.
        class_name: qualified name of the network's class, or of the function.
        weights: SHA-256 of all weights, packed and quantised ones too; empty where there are none.
        structure: one line for each layer and each number or text that the network holds, sorted.
        code: SHA-256 of source, by file beside the factory ("net.py") or by qualified name ("Net").
        mean: subtracted from every input first, one number or one a channel; None for 0.
        std: divided by afterwards; None for 1.
        outputs: what the network returns: "logits", "probs", "binary" or "reject".
        key: which entry of its answer that is; empty where it has one.
        probe: logits on the fixed probe, one row an image; None for a random model.
        frequencies: of a random model, how often each class was the label of each probe image; None otherwise.
        device: where the probe was answered, "cpu", "cuda".
        dtype: of the logits, "float32".
    """

    source: str
    class_name: str
    weights: str
    structure: str
    code: dict[str, str] = field(default_factory=dict)
    mean: list[Any] | None = None
    std: list[Any] | None = None
    outputs: str = "logits"
    key: str = ""
    probe: tuple[tuple[float, ...], ...] | None = None
    frequencies: tuple[tuple[float, ...], ...] | None = None
    device: str = "cpu"
    dtype: str = "float32"


def differences(recorded: ModelIdentity, now: ModelIdentity) -> list[str]:
    """Return the reasons why `now` is another model than `recorded`, each a fragment of a sentence; empty if it is the same."""
    return list(_reasons(recorded, now))


def _reasons(recorded: ModelIdentity, now: ModelIdentity) -> Iterator[str]:
    """Yield each reason why `now` is another model than `recorded`, the most telling ones first."""
    if recorded.class_name != now.class_name:
        yield f"another class: {now.class_name} instead of {recorded.class_name}"
    if recorded.structure != now.structure:
        yield f"another structure: {_first_difference(recorded.structure, now.structure)}"
    if recorded.weights != now.weights:
        yield "other weights"
    yield from _code_differences(recorded, now)
    for name in ("mean", "std"):
        one, two = getattr(recorded, name), getattr(now, name)
        if one != two:
            yield f"other preprocessing: {name} {_in_words(two)} instead of {_in_words(one)}"
    if recorded.outputs != now.outputs:
        yield f"other outputs: {now.outputs} instead of {recorded.outputs}"
    if recorded.key != now.key:
        yield f"another entry of its answer: {now.key or 'the only one'} instead of {recorded.key or 'the only one'}"
    yield from _answer_differences(recorded, now)


def _code_differences(recorded: ModelIdentity, now: ModelIdentity) -> Iterator[str]:
    """Files that changed, came or went; functions and classes whose source changed (a new name is another structure)."""
    file = factory_file(now.source)
    for name in sorted({*recorded.code, *now.code}):
        one, two = recorded.code.get(name), now.code.get(name)
        if one == two:
            continue
        what = f"helper module {name}"
        if file is not None and name == file.name:
            yield f"the source of its factory's file {name} changed"
        elif name.endswith(".py") and one is not None and two is not None:
            yield f"its {what} changed"
        elif name.endswith(".py"):
            yield f"it imports the {what}" if one is None else f"it no longer imports the {what}"
        elif one is not None and two is not None:
            yield f"the source of {name} changed"


def _answer_differences(recorded: ModelIdentity, now: ModelIdentity) -> Iterator[str]:
    if recorded.dtype != now.dtype:
        yield f"answers of type {now.dtype} instead of {recorded.dtype}"
    elif recorded.probe is not None and now.probe is not None:
        accelerator = {recorded.device, now.device} != {"cpu"}
        reason = probe.other_answers(recorded.probe, now.probe, accelerator=accelerator, dtype=now.dtype)
        if reason:
            yield f"other answers on the probe: {reason}"
    elif recorded.frequencies is not None and now.frequencies is not None:
        reason = probe.other_frequencies(recorded.frequencies, now.frequencies)
        if reason:
            yield f"other answers on the probe: {reason}"
    elif recorded.probe is not None and now.frequencies is not None:
        yield "random answers, where they were the same in every pass"
    elif recorded.frequencies is not None and now.probe is not None:
        yield "the same answers in every pass, where they were random"


def _first_difference(recorded: str, now: str) -> str:
    one, two = (dict(line.partition(": ")[::2] for line in text.splitlines()) for text in (recorded, now))
    for name in sorted({*one, *two}):
        if name not in two:
            return f"{name}, {one[name]}, is missing"
        if name not in one:
            return f"{name}, {two[name]}, is new"
        if one[name] != two[name]:
            return f"{name} is {two[name]} instead of {one[name]}"
    return "the same lines in another order"


def _in_words(numbers: Any) -> str:
    if numbers is None:
        return "none"
    return ", ".join(_in_words(each) for each in numbers) if isinstance(numbers, list | tuple) else f"{numbers:.6g}"
