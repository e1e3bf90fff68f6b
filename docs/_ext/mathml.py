"""Formulas as MathML, made when the site is built: pages need neither scripts nor a network."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
# Accents as docutils writes them, and what browsers draw above a letter with any font: a macron
# that is an accent lies in the letter, an overline does not.
ACCENTS = {"\u02c9": "\u203e", "\u02c6": "\u02c6", "~": "~", "\u02d9": "\u02d9"}


def drawn_right(mathml: str) -> str:
    r"""Return MathML with each accent above its letter and subscripts beside it.

    docutils makes an index behind an accented letter a thing under it: ``\bar v_i`` would be v
    over i.

    >>> bar = '<mo stretchy="false">\u02c9</mo>'
    >>> print(drawn_right(f"<math><munderover><mi>v</mi><mi>i</mi>{bar}</munderover></math>"))
    <math><msub><mover><mi>v</mi><mo stretchy="false">\u203e</mo></mover><mi>i</mi></msub></math>
    """
    ElementTree.register_namespace("", NAMESPACE)
    named = re.sub(r"&(?!amp;|lt;|gt;)\w+;", lambda entity: unescape(entity[0]), mathml)
    tree = ElementTree.fromstring(named)
    for element in list(tree.iter()):
        element.text = (element.text or "").strip(" \n")
        element.tail = None
        prefix, _, tag = element.tag.rpartition("}")
        prefix += "}" * bool(prefix)
        accent = element[-1] if tag in ("mover", "munderover") else None
        if accent is None or (accent.text or "").strip() not in ACCENTS:
            continue
        accent.text = ACCENTS[(accent.text or "").strip()]
        element.attrib.pop("accent", None)
        if tag == "munderover":
            letter, index, accent = element
            over = ElementTree.Element(f"{prefix}mover")
            over.extend([letter, accent])
            element.tag = f"{prefix}msub"
            element[:] = [over, index]
    for element in tree.iter(f"{{{NAMESPACE}}}msup"):  # an index and a power, one above the other
        if element[0].tag == f"{{{NAMESPACE}}}msub":
            element.tag = f"{{{NAMESPACE}}}msubsup"
            element[:] = [*element[0], element[1]]
    return ElementTree.tostring(tree, encoding="unicode")


def _translate(node: nodes.Element, as_block: bool) -> str:
    tex = node.astext()
    if as_block and (r"\\" in tex or "&" in tex) and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    try:
        return drawn_right(tex2mathml(tex, as_block=as_block))
    except MathError as error:
        logger.warning("formula %r: %s", tex, error, location=node)
        return ""


def _inline(visitor: Any, node: nodes.Element) -> None:
    visitor.body.append(_translate(node, as_block=False))
    raise nodes.SkipNode


def _block(visitor: Any, node: nodes.Element) -> None:
    visitor.body.append(f'<div class="math">{_translate(node, as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer and choose it."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
