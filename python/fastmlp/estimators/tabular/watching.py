"""What the fit of an estimator of tables shows while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmlp.training import progress

if TYPE_CHECKING:
    from fastmlp.estimators.tabular.fitting import Progress


class Watch:
    """Shows how many networks are trained: a bar of tqdm on stderr, lines, or nothing.

    Parameters
    ----------
    verbose : bool, 0, 1, 2 or "auto"
        As of `Model.fit`.

    Attributes
    ----------
    shows : bool
        Whether anything is shown.

    Examples
    --------
    >>> from fastmlp.estimators.tabular.fitting import Progress
    >>> with Watch(2) as watch:
    ...     watch(Progress(member=1, members=8, epoch=3, epochs=100, value=0.25))
    network 1/8, epoch 3/100: error on held-out rows 0.25
    """

    def __init__(self, verbose: Any) -> None:
        self._how = progress.display(verbose)
        self._bar: Any = None
        self._parts: dict[int, float] = {}
        self.shows = self._how != "nothing"

    def __call__(self, now: Progress) -> None:
        """Show how far the networks are."""
        if self._how == "lines":
            print(
                f"network {now.member}/{now.members}, epoch {now.epoch}/{now.epochs}: error on "
                f"held-out rows {now.value:.4g}",
                flush=True,
            )
            return
        if self._bar is None:
            shape = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
            self._bar = progress.bar(total=now.members, bar_format=shape)
        self._parts[now.member] = now.epoch / now.epochs
        self._bar.set_postfix_str(f"error {now.value:.4g}", refresh=False)
        self._bar.update(sum(self._parts.values()) - self._bar.n)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: Any, *exception: object) -> None:
        if self._bar is not None:
            if kind is None:  # networks may be ready before their last epoch
                self._bar.update(self._bar.total - self._bar.n)
            self._bar.close()
