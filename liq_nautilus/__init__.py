"""
Liquidation levels of leveraged Binance futures positions for NautilusTrader.

The names below are the package's face for research. Each is loaded when it is first used, and none
of them loads NautilusTrader; `liq_nautilus.nautilus` is the face for nodes and backtests.
"""

import lazy_loader

# `__init__.pyi` lists the names, for type checkers and for this line alike.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
