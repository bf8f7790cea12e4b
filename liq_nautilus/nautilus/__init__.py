"""
What the package is inside NautilusTrader: actor, strategy, settlement and custom data.

Only this room imports NautilusTrader. The names below are its face, each loaded when it is first
used; a configuration names them as ``liq_nautilus.nautilus:LiquidationActor`` and so on.
"""

import lazy_loader

# `__init__.pyi` lists the names, for type checkers and for this line alike.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
