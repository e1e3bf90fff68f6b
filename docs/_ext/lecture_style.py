"""How the lecture looks: pictures large enough for a slide, pages that begin with their title."""

from __future__ import annotations

from typing import Any

from docutils import nodes

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


def _title_first(app: Any, doctree: nodes.document) -> None:
    """Let the title come before the box that sphinx-gallery puts at the beginning of a page."""
    for box in list(doctree.findall(nodes.note)):
        section = next(iter(doctree.findall(nodes.section)), None)
        if "sphx-glr-download-link-note" in box["classes"] and section is not None:
            box.parent.remove(box)
            section.insert(section.first_child_matching_class(nodes.title) + 1, box)


def setup(app: Any) -> dict[str, Any]:
    """Register what changes pages."""
    app.connect("doctree-read", _title_first)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
