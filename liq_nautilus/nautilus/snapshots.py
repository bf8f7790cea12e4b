"""A tracker's state as bytes, which is what Nautilus keeps of an actor between two starts."""

from __future__ import annotations

from typing import Any
from typing import Final

import msgspec
import numpy as np

_ARRAY: Final = "__array__"


def state_to_bytes(state: dict[str, Any]) -> bytes:
    """
    Return a state of plain values, dictionaries and arrays as MessagePack.

    Examples
    --------
    >>> state = {"a": np.arange(3.0), "b": {"c": None}}
    >>> bytes_to_state(state_to_bytes(state))["a"]
    array([0., 1., 2.])

    """
    return msgspec.msgpack.encode(_packed(state))


def bytes_to_state(data: bytes) -> dict[str, Any]:
    """Return the state of `state_to_bytes`."""
    state: dict[str, Any] = _unpacked(msgspec.msgpack.decode(data))
    return state


def _packed(value: Any) -> Any:  # noqa: ANN401 - any value of a state
    if isinstance(value, np.ndarray):
        return {_ARRAY: [value.dtype.str, list(value.shape), value.tobytes()]}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _packed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(item) for item in value]
    return value


def _unpacked(value: Any) -> Any:  # noqa: ANN401 - any value of a state
    if isinstance(value, dict):
        if _ARRAY in value:
            dtype, shape, data = value[_ARRAY]
            return np.frombuffer(data, dtype=np.dtype(dtype)).reshape(shape).copy()
        return {key: _unpacked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    return value
