"""Which of a file's names is which of a network's: compilers, parallel training and training frameworks put their own around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""What torch.compile, fully sharded training and checkpointing put into names, anywhere."""
_PARALLEL = {"module"}
"""What data parallelism puts there; a network may have a layer of that name."""
COUNTERS = {"n_averaged"}
"""What averaged weights count, and no network needs."""


STATISTICS = "num_batches_tracked"
"""What batch normalisation counts in training; weights without it, from before PyTorch 0.4.1 or trimmed, answer the same."""
_OF_TRAINING = ("criteri", "loss", "metric", "accuracy")
"""Words in the first part of the names of what is trained or counted beside a network."""
_USUAL = {"model", "net", "network", "module", "classifier"}
"""What training frameworks call the network in a module that holds it and more."""


def beside(own: Collection[str], others: Sequence[str], prefix: str) -> bool:
    """Return whether `others`, names of a file that fit nothing, were only saved beside a network all of whose tensors fit.

    They must stand elsewhere than the network and be losses or counts by their names, or stand outside the usual prefix of a
    network; a second network that would fit as well is not beside it.

    Args:
        own: names of the network's tensors.
        others: what is left of the file's names.
        prefix: behind which the network's own stand in the file.
    """
    taken = {prefix.partition(".")[0]} if prefix else {name.partition(".")[0] for name in own}
    first = [name.partition(".")[0] for name in others]
    if any(name in taken for name in first):
        return False
    if any(set(own) <= {name.removeprefix(other) for name in others} for other in _prefixes(own, others)):
        return False
    return prefix.rstrip(".") in _USUAL or all(any(word in name.lower() for word in _OF_TRAINING) for name in first)


def matched(own: Collection[str], given: Collection[str]) -> tuple[dict[str, str], str]:
    """Return the network's name for each of the names given, and the prefix behind which they stand.

    The names fit one to one where possible: as they are, without the parts that wrappers add, without one prefix before all of them,
    or with one that only the network has. Otherwise those that fit behind the most frequent prefix are renamed, and the rest is left.

    Args:
        own: names of the network's tensors.
        given: names in a file.
    """
    given = [name for name in given if name not in COUNTERS or name in own]
    best: tuple[dict[str, str], str] = ({}, "")
    for dropped in (set[str](), _WRAPPERS, _WRAPPERS | _PARALLEL):
        here, there = ({_without(name, dropped): name for name in names} for names in (own, given))
        if len(here) < len(own) or len(there) < len(given):
            continue
        for prefix in sorted(_prefixes(here, there), key=len):
            names = {there[prefix + name]: here[name] for name in here if prefix + name in there}
            if len(names) > len(best[0]):
                best = names, prefix
        for prefix in _prefixes(there, here):
            names = {there[name]: here[prefix + name] for name in there if prefix + name in here}
            if len(names) == len(given) == len(own):
                return names, ""
        if len(best[0]) == len(given) == len(own):
            break
    return best


def _without(name: str, dropped: set[str]) -> str:
    return ".".join(part for part in name.split(".") if part not in dropped)


def _prefixes(short: Collection[str], long: Collection[str]) -> set[str]:
    """The prefixes, the empty one too, behind which the first of some names stand in others."""

    def before(name: str) -> Iterator[str]:
        yield from (other[: -len(name)] for other in long if other == name or other.endswith(f".{name}"))

    return {prefix for name in list(short)[:3] for prefix in before(name)}
