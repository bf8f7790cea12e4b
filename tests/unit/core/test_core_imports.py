import pkgutil
import subprocess
import sys

import pytest

import liq_nautilus.core

HEAVY = ("nautilus_trader", "pandas", "duckdb", "pyarrow", "plotly", "scipy.signal")
LIGHT = (
    "brackets", "clusters", "exposure", "feed", "kernels", "levels", "margin", "parameters",
    "position_map", "records", "signals", "tracker", "trailing", "view", "models.base",
    "models.binance_standard", "models.books", "models.ensemble", "models.funding_adjusted",
    "models.liquidation_map",
)  # fmt: skip


def test_every_module_that_exists_is_imported():
    found = {module.name for module in pkgutil.iter_modules(liq_nautilus.core.__path__)}
    assert set(LIGHT) >= {"tracker", "feed"}
    assert {name.partition(".")[0] for name in LIGHT} <= found


@pytest.mark.parametrize("names", [LIGHT], ids=["core"])
def test_importing_core_loads_nothing_heavy(names):
    code = "; ".join(
        [
            "import sys, importlib",
            *(f"importlib.import_module('liq_nautilus.core.{name}')" for name in names),
            f"print([name for name in {HEAVY!r} if name in sys.modules])",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
