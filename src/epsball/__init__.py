"""Robustness of image classifiers against adversarial examples: attacked from above, in one distance per sample.

A name is loaded when it is first used (PEP 562), so that `import epsball` alone costs nothing.
"""

from importlib import import_module, metadata
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epsball import attacks as attacks
    from epsball import losses as losses
    from epsball.attacks import *  # noqa: F403 (every attack is public, whatever file it stands in)
    from epsball.attacks.universal import universal as universal
    from epsball.comparison.compare import compare as compare
    from epsball.comparison.comparison import Comparison as Comparison
    from epsball.data.load import load_data as load_data
    from epsball.data.load import open_data as open_data
    from epsball.errors import InputError as InputError
    from epsball.errors import ModelError as ModelError
    from epsball.errors import UntrustworthyError as UntrustworthyError
    from epsball.evaluation.evaluate import evaluate as evaluate
    from epsball.gate.check import check as check
    from epsball.geometry import Norm as Norm
    from epsball.geometry import l0 as l0
    from epsball.geometry import l1 as l1
    from epsball.geometry import l2 as l2
    from epsball.geometry import linf as linf
    from epsball.goal import Goal as Goal
    from epsball.integrations import log as log
    from epsball.models.estimators import bpda as bpda
    from epsball.models.estimators import eot as eot
    from epsball.models.estimators import nes as nes
    from epsball.models.estimators import spsa as spsa
    from epsball.models.load import load_model as load_model
    from epsball.models.model import Model as Model
    from epsball.models.weights import save_weights as save_weights
    from epsball.models.wrap import wrap as wrap
    from epsball.oracle.access import Access as Access
    from epsball.record import Evaluation as Evaluation
    from epsball.record import read_run
    from epsball.record.statistics import samples_for as samples_for
    from epsball.replay.verify import verify as verify
    from epsball.report import write_report as write_report
    from epsball.threat import Threat as Threat
    from epsball.training.fit import fit as fit
    from epsball.training.objectives import adversarial as adversarial
    from epsball.training.recipe import Recipe as Recipe
    from epsball.verification.export import export as export

    load_run = read_run
    __all__: list[str]
    __version__: str
    """The installed version, "0.1.0"."""
else:
    _PLACES = {
        "Access": "oracle.access:Access",
        "Comparison": "comparison.comparison:Comparison",
        "Evaluation": "record:Evaluation",
        "Goal": "goal:Goal",
        "InputError": "errors:InputError",
        "Model": "models.model:Model",
        "ModelError": "errors:ModelError",
        "Norm": "geometry:Norm",
        "Recipe": "training.recipe:Recipe",
        "Threat": "threat:Threat",
        "UntrustworthyError": "errors:UntrustworthyError",
        "attacks": "attacks",
        "adversarial": "training.objectives:adversarial",
        "bpda": "models.estimators:bpda",
        "compare": "comparison.compare:compare",
        "eot": "models.estimators:eot",
        "check": "gate.check:check",
        "evaluate": "evaluation.evaluate:evaluate",
        "export": "verification.export:export",
        "fit": "training.fit:fit",
        "l0": "geometry:l0",
        "l1": "geometry:l1",
        "l2": "geometry:l2",
        "linf": "geometry:linf",
        "load_data": "data.load:load_data",
        "open_data": "data.load:open_data",
        "load_model": "models.load:load_model",
        "load_run": "record:read_run",
        "log": "integrations:log",
        "losses": "losses",
        "nes": "models.estimators:nes",
        "samples_for": "record.statistics:samples_for",
        "save_weights": "models.weights:save_weights",
        "spsa": "models.estimators:spsa",
        "universal": "attacks.universal:universal",
        "verify": "replay.verify:verify",
        "wrap": "models.wrap:wrap",
        "write_report": "report:write_report",
    }

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            value = sorted({*_PLACES, *_attacks()})
        elif name == "__version__":
            value = metadata.version("epsball")
        elif name in _PLACES:
            value = resolve_name(f"epsball.{_PLACES[name]}")
        elif name[:1].isupper() and name in _attacks():
            value = _attacks()[name]
        else:
            raise AttributeError(f"module 'epsball' has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})

    def _attacks() -> dict[str, Any]:
        """What `epsball.attacks` makes public: classes and presets, which alone begin with a capital."""
        return {name: value for name, value in vars(import_module("epsball.attacks")).items() if name[0].isupper()}
