"""The one decorator that compiles the simulation's inner loops."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable


def compiled[F: Callable[..., object]](function: F) -> F:
    """
    Compile a function with numba, keeping the machine code on disk between runs.

    Parameters
    ----------
    function : callable
        Plain numeric Python; the original stays reachable as `py_func`.

    Returns
    -------
    callable
        The compiled function, typed as the original.

    """
    return cast("F", numba.njit(cache=True)(function))
