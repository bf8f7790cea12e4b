import pkgutil
import subprocess
import sys

import pytest

import liq_nautilus.core

HEAVY = ("nautilus_trader", "pandas", "duckdb", "pyarrow", "plotly", "scipy.signal")
# All but how the map is scored and fitted.
LIGHT = tuple(
    module.name
    for module in pkgutil.walk_packages(liq_nautilus.core.__path__, "liq_nautilus.core.")
    if ".science" not in module.name
)


def test_every_module_that_exists_is_imported():
    assert {"liq_nautilus.core.tracker", "liq_nautilus.core.exchange.margin"} <= set(LIGHT)
    assert len(LIGHT) > 50


@pytest.mark.parametrize("names", [LIGHT], ids=["core"])
def test_importing_core_loads_nothing_heavy(names):
    code = "; ".join(
        [
            "import sys, importlib",
            *(f"importlib.import_module('{name}')" for name in names),
            f"print([name for name in {HEAVY!r} if name in sys.modules])",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
