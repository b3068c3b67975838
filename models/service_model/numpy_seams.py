"""numpy, and what we rely on beside its documentation: which bits its shuffle draws."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.seams import Library, LibraryPart, Seam

PROBES: Final = (2, 97, 1000)


def permutation(seed: int, n: int) -> NDArray[Any]:
    """`numpy.random.RandomState(seed).permutation(n)`; on the fast path in a quarter of the time."""
    return shuffled(seed, n) if SEAM.fast else np.random.RandomState(seed).permutation(n)


def shuffled(seed: int, n: int) -> NDArray[np.int32]:
    """The fast path of `permutation`."""
    order = np.arange(n, dtype=np.int32)
    _shuffle(seed, order)
    return order


@compiled
def _shuffle(seed: int, order: NDArray[np.int32]) -> None:
    """The shuffle of Fisher and Yates, as numpy's `RandomState` does it; numba's generator is the same Mersenne
    twister.

    A draw is cut to as many bits as the entry's number has, and what is still larger is dropped. The entry then changes
    places with itself: a branch would be guessed wrongly three times out of ten.
    """
    np.random.seed(seed)
    last = order.shape[0] - 1
    while last > 0:
        mask = 1
        while mask < last:
            mask = 2 * mask + 1
        while last > mask // 2:
            other = np.random.randint(0, 2**32) & mask
            accepted = other <= last
            other = other if accepted else last
            order[last], order[other] = order[other], order[last]
            last -= accepted


def _same_draws(generator: Any) -> bool:
    return all(np.array_equal(shuffled(7, n), generator(7).permutation(n)) for n in PROBES)


SEAM: Final = Seam(
    Library.NUMPY,
    tested=("2.4.6",),
    parts=(
        LibraryPart(
            "numpy.random:RandomState",
            breaks="sub-samples are no longer those of scikit-learn: other trees, as good ones",
            plain="the same permutation by numpy itself in four times the time",
            works=_same_draws,
        ),
    ),
)
