"""How an activation h = φ(z) is declared: φ beside its message z̄ = φ'(z)·h̄, and what it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from fastmlp.graph.node import Array, Node, Operand, Shape, apply, declare
from fastmlp.graph.shapes import broadcast


@dataclass(frozen=True)
class Declaration:
    """What an activation says of itself beside its operations.

    Attributes
    ----------
    function : callable
        From the node z to the node h.
    formula, derivative : str
        φ(z) and φ', for people to read; φ' in terms of h or z, as the message reads it.
    initializer : str
        The name of the initializer that suits it: He for what is zero on half of its inputs (He et
        al. 2015), Glorot for the rest (Glorot & Bengio 2010) that says nothing else.
    middle : float or None
        Where, as the only output, it changes from class 0 to class 1: ½ for what is never negative,
        0 for what is centred there; None where that depends on the loss.
    reads : "h" or "z"
        What its message reads beside h̄.
    elementwise : bool
        Whether each element of h depends on its own element of z alone.
    sends : bool
        Whether it sends a message: False where the derivative is 0 wherever there is one.
    aliases : tuple of str
        Other names of it.
    """

    function: Callable[[Node], Node]
    formula: str
    derivative: str
    initializer: str = "glorot_uniform"
    middle: float | None = None
    reads: Literal["h", "z"] = "h"
    aliases: tuple[str, ...] = ()
    elementwise: bool = True
    sends: bool = True


DECLARED: Final[dict[str, Declaration]] = {}


def _same(shape: Shape, **_: Any) -> Shape:
    return shape


def declare_activation(
    function: Callable[[Operand], Node],
    *,
    value: Callable[[Array], Array],
    message: Callable[[Array, Array], Array],
    text: str,
    message_text: str,
    formula: str,
    derivative: str,
    aliases: tuple[str, ...] = (),
    bend: Callable[[Node], Node] | None = None,
    gradient: bool = True,
    analytic: bool = True,
    initializer: str = "glorot_uniform",
    middle: float | None = None,
    reads: Literal["h", "z"] = "h",
) -> None:
    """Declare φ and its message as operations, and what else there is to know of them.

    Parameters
    ----------
    function : callable
        The operation φ, whose name is that of the activation.
    value, message : callable
        φ(z) and φ'·h̄ of (h̄, u) in NumPy, where u is what `reads` says.
    text, message_text : str
        How to write them: z is {0}; h̄ is {0} and u is {1}.
    bend : callable, optional
        The derivative of φ' by u, of the node u; without it that is 0.
    gradient : bool
        Whether φ sends messages, see `Declaration.sends`.
    formula, derivative, aliases, initializer, middle, reads
        See `Declaration`.
    """
    name = function.__name__
    sent = f"{name}_message"

    def derive(h: Node, bar: Node, z: Node) -> tuple[Node]:
        return (apply(sent, bar, h if reads == "h" else z),)

    def derive_message(m: Node, m_bar: Node, bar: Node, u: Node) -> tuple[Node, Node | None]:
        return apply(sent, m_bar, u), None if bend is None else m_bar * bar * bend(u)

    declare(
        name,
        shape=_same,
        value=value,
        derive=derive if gradient else None,
        formula=text,
        analytic=analytic,
    )
    declare(
        sent,
        shape=broadcast,
        value=message,
        derive=derive_message if gradient else None,
        formula=message_text,
        precedence=2,
        analytic=analytic,
    )
    DECLARED[name] = Declaration(
        function, formula, derivative, initializer, middle, reads, aliases, sends=gradient
    )
