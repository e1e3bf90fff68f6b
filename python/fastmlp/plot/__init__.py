"""Pictures of training and of what was learned, with matplotlib.

Every function draws into the axes it is given and returns them; without axes it makes a figure of
its own through pyplot. None changes matplotlib's settings, and none calls ``show``.
"""

from fastmlp import _checks
from fastmlp.plot.charts import decision_boundary, features, history
from fastmlp.plot.curves import activations
from fastmlp.plot.diagrams import network
from fastmlp.plot.importances import importance
from fastmlp.plot.landscape import WeightPath
from fastmlp.plot.outcomes import calibration, confusion, predicted
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

# What people write for pictures elsewhere.
_ARGUMENTS = {
    **dict.fromkeys(("figsize", "size"), "write ax=plt.subplots(figsize=...)[1]"),
    **dict.fromkeys(("title", "xlabel", "ylabel"), "write ax.set_title and its like after it"),
    **dict.fromkeys(("fig", "figure", "axis"), "write ax="),
    "show": "leave it out: plt.show() shows what was drawn",
    **dict.fromkeys(("path", "filename", "savefig"), "write ax.figure.savefig(path) after it"),
    **dict.fromkeys(("cmap", "color", "colors", "alpha"), "change what is in the axes after it"),
}
for _name in __all__:
    _function = globals()[_name]
    if _name not in ("WeightPath", "descent"):  # which hands its settings on
        globals()[_name] = _checks.taught(_ARGUMENTS)(_function)
