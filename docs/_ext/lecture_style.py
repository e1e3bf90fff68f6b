"""How the lecture's pictures look: large enough for a slide, nothing on them without data."""

from __future__ import annotations

from typing import Any

STYLE = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "axes.titlecolor": "#333333",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.7,
    "xtick.color": "#666666",
    "ytick.color": "#666666",
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "axes.prop_cycle": "cycler('color', ['#0072B2', '#D55E00', '#009E73', '#CC79A7', "
    "'#E69F00', '#56B4E9', '#7F7F7F'])",
}


def reset(gallery_conf: dict[str, Any], script: str) -> None:
    """Set the style before each page (sphinx-gallery calls this after its own reset)."""
    import matplotlib.pyplot as plt

    plt.rcParams.update(STYLE)
