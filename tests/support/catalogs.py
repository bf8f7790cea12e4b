"""What a catalog holds, as pandas frames, which tests compare most easily."""

from pathlib import Path
from typing import Any

import pandas as pd

from liq_nautilus.data.kinds import StoredType
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.reading import read


def frame_of(
    catalog: Path, stored: StoredType, *window: int | None, symbol: str = "BTCUSDT", **options: Any
) -> pd.DataFrame:
    """Return the rows of a type in a window."""
    return pd.DataFrame(dict(read(Catalog(catalog), stored, symbol, *window, **options)))
