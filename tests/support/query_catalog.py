"""Small catalogs that the tests of queries share."""

from support.trading_files import DAY_MS
from support.trading_files import START_MS
from support.trading_files import write_files

from liq_nautilus.nautilus.ingest.ingest import ingest

DAY_NS = DAY_MS * 1_000_000
HOUR_NS = DAY_NS // 24
START_NS = START_MS * 1_000_000


def make_catalog(folder, symbol="BTCUSDT", days=4, seed=1):
    """Write and ingest some days of a symbol; return the catalog."""
    write_files(folder / "files" / symbol, symbol, days, seed)
    ingest(folder / "files" / symbol, folder / "catalog")
    return folder / "catalog"
