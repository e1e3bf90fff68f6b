"""What of a model linear algebra solves at once; see `fastmlp.models.direct`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, losses
from fastmlp.data import arrays
from fastmlp.models.habits import OF_SOLUTIONS
from fastmlp.models.predictions import Predicting
from fastmlp.networks import examples
from fastmlp.training import turns

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fastmlp.models.sequential import MLP


class Solvable(Predicting):
    """A model that can be solved, in part or as a whole; a base of `Model`."""

    @_checks.taught(OF_SOLUTIONS)
    def solve_output_layer(self, X: Any, t: ArrayLike, *, l2: float = 0.0) -> float:
        """Set the last layer to the least squares solution on what the layers below it put out.

        Minimises J = mean ½ Σₖ (yₖ − tₖ)² + l2·½‖W‖² over the last layer's weights and biases by
        linear algebra, in float64; the other layers stay as they are. The whole model, if it is
        one linear layer.

        Parameters
        ----------
        X, t
            Data, as for `fit`.
        l2 : float, default 0
            λ of the penalty on the last layer's weights; a layer with an l2 of its own uses that.

        Returns
        -------
        float
            J at the solution, the smallest there is.

        Raises
        ------
        TypeError, ValueError
            If the last layer is not a Dense layer with the identity activation, used once, if it is
            frozen or has an l1 or a max_norm, or if the data are wrong.

        See Also
        --------
        fastmlp.least_squares

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.MLP([1, 20, 1], activation="tanh", seed=0)
        >>> J = model.solve_output_layer([[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0])
        >>> J < 1e-9
        True
        """
        from fastmlp.models import direct

        turn = turns.Turn("solve_output_layer")
        try:
            turn.take(self, nested=True)
            with self._network_of(X) as network:
                layer, source = direct.last_layer(network)
                inputs = examples.network_inputs(network, self.dtype, X)
                loss = losses.get("squared_error")
                targets = examples.targets(t, loss, layer.units, np.float64)
                arrays.same_rows(targets, "t", len(inputs[0]), "X")
            turn.wait()  # if it was built just now
            names = (str(node.name) for node in network.input_nodes)
            by_name = dict(zip(names, inputs, strict=True))
            features = by_name[source] if source in by_name else self.activations(X)[source]
            return direct.solve(layer, features, targets, l2=l2)
        finally:
            turn.live = False

    @turns.reads("collapse_linear")
    def collapse_linear(self) -> MLP:
        """Return the single linear layer that a network of linear layers in a row is.

        W′ = W⁽ᴸ⁾ … W⁽²⁾ W⁽¹⁾, and b′ accordingly. The last layer's activation may be any and is
        kept.

        Returns
        -------
        MLP
            One layer with the same outputs, up to rounding.

        Raises
        ------
        ValueError
            If a layer but the last has another activation than identity, or the layers do not
            stand in a row.

        Examples
        --------
        >>> import fastmlp as fm
        >>> fm.MLP([784, 256, 128, 10], activation="identity", seed=0).collapse_linear()
        <MLP 784 → 10; 7,850 parameters, float32>
        """
        from fastmlp.models import direct
        from fastmlp.models.sequential import MLP

        W, b, output = direct.collapsed(self.network)
        single = MLP([W.shape[1], W.shape[0]], output=output, seed=self.seed, dtype=self.dtype)
        single.set_weights([W, b])
        return single
