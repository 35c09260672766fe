"""The paper's experiments, one file each; a new one is its file and its import line here."""
# ruff: noqa: F401 (an import is how an experiment gets into the list)

from epsball.paper.adversarial_training import EXPERIMENT as ADVERSARIAL_TRAINING
from epsball.paper.binary import EXPERIMENT as BINARY
from epsball.paper.capacity import EXPERIMENT as CAPACITY
from epsball.paper.comparison import EXPERIMENT as COMPARISON
from epsball.paper.deepfool_accuracy import EXPERIMENT as DEEPFOOL_ACCURACY
from epsball.paper.experiment import Experiment
from epsball.paper.fgsm_table import EXPERIMENT as FGSM_TABLE
from epsball.paper.fine_tuning import EXPERIMENT as FINE_TUNING
from epsball.paper.linear_growth import EXPERIMENT as LINEAR_GROWTH
from epsball.paper.precision import EXPERIMENT as PRECISION
from epsball.paper.regions import EXPERIMENT as REGIONS
from epsball.paper.regularisation import EXPERIMENT as REGULARISATION
from epsball.paper.saddle_point import EXPERIMENT as SADDLE_POINT
from epsball.paper.transfer import EXPERIMENT as TRANSFER

_FOUND = (value for value in tuple(globals().values()) if isinstance(value, Experiment))
EXPERIMENTS: dict[str, Experiment] = {each.name: each for each in sorted(_FOUND, key=lambda each: int(each.id[1:]))}
"""Every experiment by name, in the paper's order."""
