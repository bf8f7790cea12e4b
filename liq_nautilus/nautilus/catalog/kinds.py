"""The types of the catalog, met with the classes of Nautilus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.model import data as nautilus_data

from liq_nautilus.nautilus import types

if TYPE_CHECKING:
    from liq_nautilus.data.kinds import StoredType


def class_of(stored: StoredType) -> type:
    """
    Return the Nautilus class of a type.

    Examples
    --------
    >>> from liq_nautilus.data.kinds import STORED_TYPES
    >>> class_of(STORED_TYPES["Bar"]).__name__, class_of(STORED_TYPES["OpenInterest"]).__module__
    ('Bar', 'liq_nautilus.nautilus.types')

    """
    found: type = getattr(types if stored.is_own else nautilus_data, stored.name)
    return found
