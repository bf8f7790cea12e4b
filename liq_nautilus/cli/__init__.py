"""The command line: `liq-nautilus COMMAND`."""

from liq_nautilus.cli.main import app
from liq_nautilus.cli.main import run

__all__ = ["app", "run"]
