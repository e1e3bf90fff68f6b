"""Sections called "Solution: …" are folded: their heading opens them."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

TITLE = "Solution: "


class Folded(nodes.General, nodes.Element):
    """What is shown when its heading is clicked on, dressed as sphinx-design's dropdowns are."""


def _open(visitor: Any, node: Folded) -> None:
    visitor.body.append(
        f'<details class="sd-sphinx-override sd-dropdown sd-card sd-mb-3" id="{node["ids"][0]}">'
        f'<summary class="sd-summary-title sd-card-header">{escape(node["title"])}</summary>'
        '<div class="sd-summary-content sd-card-body docutils">\n'
    )


def _close(visitor: Any, node: Folded) -> None:
    visitor.body.append("</div></details>\n")


def _plain(visitor: Any, node: Folded) -> None:
    """Write what is in it: there is nothing to click on but in HTML."""


def fold(app: Sphinx, document: nodes.document) -> None:
    """Fold each section whose title begins so."""
    for section in list(document.findall(nodes.section)):
        title = section.next_node(nodes.title)
        if title is not None and title.parent is section and title.astext().startswith(TITLE):
            folded = Folded(ids=section["ids"], title=title.astext())
            folded += [child for child in section.children if child is not title]
            section.replace_self(folded)


def setup(app: Sphinx) -> dict[str, Any]:
    """Fold before the page's table of contents is made."""
    app.add_node(Folded, html=(_open, _close), latex=(_plain, _plain), text=(_plain, _plain))
    app.connect("doctree-read", fold, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
