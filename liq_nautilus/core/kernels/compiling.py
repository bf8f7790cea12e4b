"""How a kernel is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compile a kernel on first use and keep the result on disk; `.py_func` is the plain one."""
    return cast("F", numba.njit(cache=True)(function))


def inlined[F: Callable[..., Any]](function: F) -> F:
    """Compile a kernel into those that call it: passing arrays costs more than a short loop."""
    return cast("F", numba.njit(cache=True, forceinline=True)(function))
