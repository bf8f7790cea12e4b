"""Everything other rooms read from a catalog: what it holds, and its series as frames."""

from liq_nautilus.nautilus.frames import read_bars
from liq_nautilus.nautilus.frames import read_funding
from liq_nautilus.nautilus.frames import read_liquidation_orders
from liq_nautilus.nautilus.frames import read_liquidation_volume
from liq_nautilus.nautilus.frames import read_mark_bars
from liq_nautilus.nautilus.frames import read_open_interest
from liq_nautilus.nautilus.frames import read_taker_volume
from liq_nautilus.nautilus.frames import read_trades
from liq_nautilus.nautilus.inventory import Series
from liq_nautilus.nautilus.inventory import finest_bar_interval
from liq_nautilus.nautilus.inventory import inventory
from liq_nautilus.nautilus.inventory import only_symbol
from liq_nautilus.nautilus.inventory import symbols

__all__ = [
    "Series",
    "finest_bar_interval",
    "inventory",
    "only_symbol",
    "read_bars",
    "read_funding",
    "read_liquidation_orders",
    "read_liquidation_volume",
    "read_mark_bars",
    "read_open_interest",
    "read_taker_volume",
    "read_trades",
    "symbols",
]
