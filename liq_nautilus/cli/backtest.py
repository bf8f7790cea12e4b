"""`liq-nautilus backtest`: the paired backtest and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any
from typing import Final

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import EndOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import StartOption
from liq_nautilus.cli.common import SymbolsOption
from liq_nautilus.cli.common import local_path
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import say
from liq_nautilus.cli.common import window_ns
from liq_nautilus.errors import SettingError
from liq_nautilus.json_files import read_object

if TYPE_CHECKING:
    from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions

_FILES: Final = ("params", "brackets")
_KEYS: Final = ("catalog", "symbol", "start", "end", "bar", "rules", *_FILES, "out")


def backtest(
    config: Annotated[
        Path | None,
        typer.Argument(help="JSON of the same options plus `actor` and `strategy` settings."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report, summary and tables.")
    ] = None,
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolsOption = None,
    start: StartOption = None,
    end: EndOption = None,
    bar: Annotated[
        str | None, typer.Option("--bar", help="Interval of the bars, such as 5m.")
    ] = None,
    params: Annotated[
        Path | None, typer.Option("--params", help="Parameters written by `calibrate`.")
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option("--rules", help="`default`, or `simple`: the rules as first asked for."),
    ] = None,
    brackets: Annotated[
        Path | None, typer.Option("--brackets", help="A saved answer of `leverageBracket`.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a strategy with signals off and on over the same data, and write a report."""
    from liq_nautilus.nautilus.backtest.paired import run_paired
    from liq_nautilus.nautilus.backtest.results import read_run
    from liq_nautilus.reports.pages import write_report

    given = {
        "catalog": None if catalog == DEFAULT_CATALOG else catalog,
        "symbol": symbol,
        "start": start,
        "end": end,
        "bar": bar,
        "params": params,
        "rules": rules,
        "brackets": brackets,
        "out": out,
    }
    options = _options(_document(config), given)
    result = run_paired(options, progress=say)
    others = [read_run(options.out, symbol=name) for name in result.symbols[1:]]
    write_report(result, options.out / "report.html", others=others)
    if as_json:
        print_json(result.summary)
    else:
        _tell(result.summary, options.out)


def _document(config: Path | None) -> dict[str, Any]:
    from liq_nautilus.nautilus.backtest.backtest_options import PASSED_ON

    if config is None:
        return {}
    document = read_object(config, "CONFIG")
    known = {*_KEYS, *PASSED_ON}
    unknown = sorted(set(document) - known)
    if unknown:
        msg = f"CONFIG must have keys among {', '.join(sorted(known))}; found {', '.join(unknown)}"
        raise SettingError(msg)
    return document


def _options(document: dict[str, Any], given: dict[str, Any]) -> BacktestOptions:
    from liq_nautilus.nautilus.backtest.backtest_options import options_from_document

    # What stands on the command line wins over the file.
    values = {key: document.get(key) if given[key] is None else given[key] for key in _KEYS}
    if values["out"] is None:
        msg = "--out must name the folder for the results, was not given; add --out DIR"
        raise SettingError(msg)
    files: dict[str, Any] = {key: values[key] for key in _FILES if values[key] is not None}
    files = {key: local_path(Path(value)) for key, value in files.items()}
    symbols = values["symbol"] or []
    start_ns, end_ns = window_ns(values["start"], values["end"])
    return options_from_document(
        document,
        catalog=local_path(Path(values["catalog"] or DEFAULT_CATALOG)),
        out=local_path(Path(values["out"])),
        symbols=tuple([symbols] if isinstance(symbols, str) else symbols),
        start_ns=start_ns,
        end_ns=end_ns,
        bar=values["bar"],
        rules=values["rules"] or "default",
        **files,
    )


def _tell(summary: dict[str, Any], out: Path) -> None:
    duty = ", ".join(f"{action} {share:.1%}" for action, share in summary["duty"].items())
    typer.echo(f"{summary['symbol']} {summary['start']} .. {summary['end']}, bars {summary['bar']}")
    typer.echo(f"signals: {duty}")
    # A thousandth of a coin is money.
    decimals = 2 if summary["currency"].startswith("USD") else 6

    def money(value: float) -> str:
        return f"{value:,.{decimals}f}"

    for name in ("baseline", "signals"):
        run = summary[name]
        typer.echo(
            f"{name:<9} P&L {money(run['pnl']):>12} {summary['currency']} = "
            f"price {money(run['price_pnl'])}, fees {money(run['fees'])}, "
            f"funding {money(run['funding'])}, liquidations {money(run['liquidations'])}; "
            f"{run['positions']} positions, largest fall {run['max_drawdown']:.2%}"
            f"{_slippage(run['slippage'])}"
        )
    difference = summary["difference"]
    low, high = difference["interval"]
    interval = "unknown" if low is None else f"{money(low)} .. {money(high)}"
    typer.echo(f"difference {money(difference['pnl'])}, 95 % interval {interval}")
    for symbol, lacks in summary["missing"].items():
        for kind, text in lacks.items():
            say(f"{symbol} lacks {kind}: {text}")
    typer.echo(f"report: {out / 'report.html'}")


def _slippage(counts: dict[str, int] | None) -> str:
    # How far what market orders paid is assumed.
    if counts is None or not sum(counts.values()):
        return ""
    n_orders = sum(counts.values())
    return f"; {counts['assumed']} of {n_orders} market orders paid an assumed slippage"
