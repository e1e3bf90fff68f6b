"""Pictures of training and of what was learned, with matplotlib.

Every function draws into the axes it is given and returns them; without axes it makes a figure of
its own through pyplot. None changes matplotlib's settings, and none calls ``show``.
"""

from fastmlp.plot.charts import decision_boundary, features, history
from fastmlp.plot.curves import activations
from fastmlp.plot.diagrams import network
from fastmlp.plot.importances import importance
from fastmlp.plot.landscape import WeightPath
from fastmlp.plot.numeric import predicted
from fastmlp.plot.outcomes import calibration, confusion
from fastmlp.plot.surfaces import descent, loss_surface
from fastmlp.plot.sweeps import learning_rates

__all__ = [
    "WeightPath",
    "activations",
    "calibration",
    "confusion",
    "decision_boundary",
    "descent",
    "features",
    "history",
    "importance",
    "learning_rates",
    "loss_surface",
    "network",
    "predicted",
]
