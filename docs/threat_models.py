"""Write docs/threat-models.md from the attack classes: `python docs/threat_models.py`; a test fails while it is stale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from epsball.attacks.registry import registry
from epsball.geometry import NORMS
from epsball.oracle.access import Access

if TYPE_CHECKING:
    from epsball.attacks import Attack

PAGE = Path(__file__).with_name("threat-models.md")

KNOWLEDGE = {
    Access.GRADIENT: "white box: the model and its gradients",
    Access.SCORES: "black box: the scores of every class",
    Access.LABELS: "black box: the predicted label",
    Access.NOTHING: "black box: nothing",
}
QUESTION = {False: "is there an error within ε?", True: "how close is the nearest error?"}

HEAD = f"""# Threat models

What the attacker knows, wants and may do, with every attack of the library in its place.
Written by `docs/threat_models.py` from the classes.

- **Knows**: {"; ".join(KNOWLEDGE.values())}.
- **Wants**: any wrong label, `Goal(y)`, or a chosen one, `Goal(target, targeted=True)`.
- **May do**: move each input within a ball of radius ε around it, inside the valid pixels, `Threat(norm, eps, low, high)`.

`Restarts(attack, n)`, `Worst(a, b, …)`, `Within(attack)`, `MinimumNorm(attack)`, `Transfer(attack, surrogate)`,
`Expectation(attack, draws)`, `Cascade(Stage(attack), …)`, `Sampled(attack, share)`, `Selected(attack)`, `Planted(attack)` and
`Targeted(attack, class)` know and may do what their members do.
"""


def members() -> dict[str, Attack]:
    """Every attack with its default settings, by its public name; presets too, ensembles not."""
    found = {make.__name__: make() for make in registry().values()}
    return dict(sorted(found.items(), key=lambda item: (-item[1].access, item[1].minimum_norm, item[0].lower())))


def cell(found: dict[str, Attack], access: Access, norm: str, *, nearest: bool) -> str:
    """The attacks of one place of the table."""
    here = [n for n, a in found.items() if a.access == access and a.minimum_norm == nearest and norm in a.norms]
    return ", ".join(here) or "none"


def page() -> str:
    """The whole page."""
    found = members()
    places = [(a, nearest) for a in KNOWLEDGE for nearest in QUESTION if cell_exists(found, a, nearest=nearest)]
    rows = [
        f"| {KNOWLEDGE[access]} | any label, or a chosen one | {QUESTION[nearest]} | "
        f"{' | '.join(cell(found, access, norm, nearest=nearest) for norm in NORMS)} |"
        for access, nearest in places
    ]
    head = f"| knows | wants | asks | {' | '.join(NORMS)} |\n| --- | --- | --- |{' --- |' * len(NORMS)}"
    presets = [f"- {n}: a preset of {type(a).__name__}" for n, a in found.items() if n != type(a).__name__]
    return "\n".join([HEAD, head, *rows, "", *presets, ""])


def cell_exists(found: dict[str, Attack], access: Access, *, nearest: bool) -> bool:
    """Whether any attack knows this much and asks this."""
    return any(attack.access == access and attack.minimum_norm == nearest for attack in found.values())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
