"""`liq-nautilus demo`: the whole way once, on a simulated market and without network."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any
from typing import Final

import typer

from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import say
from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORLD: Final = "standard"
# Says that the folder is a demo's own, which may be emptied by the next one.
_MARKER: Final = "demo.json"
_OWN_FOLDERS: Final = ("files", "catalog")
_NOTE: Final = (
    "This market is simulated: the page shows how the parts work together, and its profit or loss "
    "says nothing about real markets. Nor does its sign about the signals: on other bars the same "
    "strategy trades at other moments, and backtests/paired.py, which takes 5-minute bars of this "
    "market, can tell the opposite."
)


def demo(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for files, catalog, tables and report.")
    ] = Path("demo-report"),
    days: Annotated[int, typer.Option("--days", min=1, help="Length of the market.")] = 7,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another market.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Simulate a market, write it as Binance's files, ingest, backtest, report: under a minute."""
    _prepare(out, days=days, seed=seed)
    with _step("simulating the market"):
        from liq_nautilus.market.dump_files import write_files
        from liq_nautilus.market.simulation import simulate
        from liq_nautilus.market.worlds import world

        market = simulate(world(_WORLD), days=days, seed=seed)
    with _step("writing its files"):
        write_files(market, out / "files")
    with _step("ingesting them into a catalog"):
        from liq_nautilus.nautilus.ingest.ingest import ingest

        ingest(out / "files", out / "catalog")
    with _step("backtesting, signals off and on"):
        from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions
        from liq_nautilus.nautilus.backtest.paired import run_paired

        # The rivals at random moments take a run each, the pair without slippage two: too long
        # for a first look.
        options = BacktestOptions(
            catalog=out / "catalog", out=out, random_runs=0, slippage_pair=False
        )
        result = run_paired(options)
    with _step("drawing the report"):
        from liq_nautilus.reports.pages import write_report

        write_report(result, out / "report.html", note=_NOTE)
    if as_json:
        print_json(result.summary)
    else:
        _tell(result.summary, out)


def _prepare(out: Path, *, days: int, seed: int) -> None:
    # Anew each time: files of another seed would mix in the catalog. Only what is a demo's own
    # is removed.
    if out.exists() and not out.is_dir():
        msg = f"--out must be a folder, {out} is a file; give another"
        raise StoreError(msg)
    if out.is_dir() and any(out.iterdir()) and not (out / _MARKER).is_file():
        msg = f"--out must be empty or an earlier demo's folder, {out} is neither; give another"
        raise StoreError(msg)
    try:
        for name in _OWN_FOLDERS:
            if (out / name).exists():
                shutil.rmtree(out / name)
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        msg = f"--out must be a folder that can be written, {out} cannot ({e.strerror})"
        raise StoreError(msg) from e
    marker = {"world": _WORLD, "days": days, "seed": seed}
    write_json(out / _MARKER, marker, "the demo's marker", indent=None)


@contextmanager
def _step(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    say(f"{name:<32} {time.perf_counter() - start:5.1f} s")


def _tell(summary: dict[str, Any], out: Path) -> None:
    duty = ", ".join(f"{action} {share:.1%}" for action, share in summary["duty"].items())
    typer.echo(f"{summary['updates']['levels']} level updates; signals: {duty}")
    for name, label in (("signals", "with signals"), ("baseline", "without signals")):
        typer.echo(f"net P&L {label:<16} {summary[name]['pnl']:>12,.2f}")
    typer.echo(f"report: {out / 'report.html'}")
