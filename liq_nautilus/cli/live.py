"""`liq-nautilus live`: the map and the strategy on a running node."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it at run time
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Final

import msgspec
import typer

from liq_nautilus.cli.common import say
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from liq_nautilus.nautilus.live.live_options import LiveOptions

# Typed by hand before the first order of real money.
_WORD: Final = "TRADE"


def live(
    config: Annotated[
        Path, typer.Argument(help="JSON of symbols and settings; lines with // are comments.")
    ],
    brackets: Annotated[
        Path | None,
        typer.Option("--brackets", help="Binance's leverageBracket response, as a JSON file."),
    ] = None,
    is_live: Annotated[
        bool, typer.Option("--live", help="Send orders to Binance instead of the paper exchange.")
    ] = False,
    is_sure: Annotated[
        bool, typer.Option("--yes", help="Do not ask before trading with real money.")
    ] = False,
    is_watched: Annotated[
        bool, typer.Option("--watch", help="Show the map, the position and the feeds.")
    ] = False,
) -> None:
    """Keep the map on a running node and trade it: on paper, or with --live at Binance."""
    from liq_nautilus.nautilus.live.live_options import read_options
    from liq_nautilus.nautilus.live.live_options import with_brackets
    from liq_nautilus.nautilus.live.node import LiveNode
    from liq_nautilus.nautilus.live.node_config import check_settings
    from liq_nautilus.nautilus.live.node_watch import NodeWatch

    options = with_brackets(read_options(config), brackets)
    check_settings(options)
    say(describe(options, is_live=is_live))
    if is_live:
        _show_account(options.endpoints.http)
        if not is_sure:
            _ask()
    if is_watched:
        # The log would tear the screen; a file can be named by Nautilus's own settings.
        options = msgspec.structs.replace(options, log_level="OFF")
    node = LiveNode(options, is_live=is_live)
    try:
        node.run(NodeWatch(node).run if is_watched else None)
    finally:
        node.dispose()


def describe(options: LiveOptions, *, is_live: bool) -> str:
    """Return what is about to run, for a person."""
    largest = f"{options.strategy.get('max_leverage', 2.0):g} times the equity"
    if not options.trade:
        largest = "none, nothing is traded"
    account = "Binance futures, REAL MONEY" if is_live else f"paper, {options.balance:,.2f} USDT"
    lines = [
        f"account: {account}",
        f"symbols: {', '.join(options.symbols)}, bars of {options.bar}",
        f"leverage: {options.leverage}x",
        f"largest position: {largest}, per symbol",
    ]
    if not is_live:
        lines.append("paper settles funding and liquidates by the rules of backtests")
        lines.append("each start of paper begins without a position; the map is kept")
    if options.recording is None:
        lines.append("nothing is recorded")
    else:
        lines.append(
            f"recording: {options.recording.path}, a killed node loses at most the last "
            f"{options.recording.flush_secs:g} s"
        )
    return "\n".join(lines)


def _show_account(base_url: str) -> None:
    import asyncio
    import os

    from liq_nautilus.nautilus.live.binance_account import read_account

    say(asyncio.run(read_account(base_url, os.environ)).describe())


def _ask() -> None:
    answer = typer.prompt(f"Type {_WORD} to trade with real money", err=True)
    if answer.strip() != _WORD:
        msg = f"the answer must be {_WORD}, was {answer!r}; nothing was started"
        raise SettingError(msg)
