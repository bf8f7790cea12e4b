"""What a run did to its account, and the equity of ledgers made by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.model.currencies import ETH
from support.trading_engine import HOUR
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import Play
from support.trading_engine import bar_time
from support.trading_engine import flat_bars
from support.trading_engine import funding
from support.trading_engine import hourly_bars
from support.trading_engine import play

from liq_nautilus.core.exchange.forced_close import Contract
from liq_nautilus.nautilus.backtest.equity import equity_curve
from liq_nautilus.nautilus.backtest.equity import max_drawdown
from liq_nautilus.nautilus.backtest.ledger import FILL_COLUMNS
from liq_nautilus.nautilus.backtest.ledger import FUNDING_COLUMNS
from liq_nautilus.nautilus.backtest.ledger import POSITION_COLUMNS
from liq_nautilus.nautilus.backtest.ledger import Ledger
from liq_nautilus.nautilus.backtest.ledger import ProfitAndLoss
from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.venue.fill_model import SlippageFillModel
from liq_nautilus.nautilus.backtest.venue.fill_model import SlippageFillModelConfig
from liq_nautilus.nautilus.backtest.venue.path_record import PricePath
from liq_nautilus.nautilus.config import SettlementConfig

E = 100_000.0
FLAT = (E, E, E, E)
BTC, SOL = "BTCUSDT", "SOLUSDT"


def ledger_of(
    fills: list[tuple[int, float, float, float]],
    payments: list[tuple[int, float]] = (),
    path: list[tuple[int, int, float]] = (),
    contract: Contract | None = None,
) -> Ledger:
    """Fills as (hour, signed quantity, price, fee), payments and path by the hour too."""
    nothing = ProfitAndLoss(*[Decimal(0)] * 5)
    rows = pd.DataFrame(
        [
            (START + hour * HOUR, BTC, np.sign(size), price, abs(size), fee, *"....")
            for hour, size, price, fee in fills
        ],
        columns=list(FILL_COLUMNS),
    )
    paid = pd.DataFrame(
        [(START + hour * HOUR, BTC, 0.0, 0.0, 0.0, amount) for hour, amount in payments],
        columns=list(FUNDING_COLUMNS),
    ).astype({"ts": np.int64})
    positions = pd.DataFrame(columns=list(POSITION_COLUMNS))
    way = PricePath(
        np.array([START + hour * HOUR for hour, _, _ in path], dtype=np.int64),
        np.array([number for _, number, _ in path], dtype=np.int64),
        np.array([price for _, _, price in path], dtype=float),
    )
    contracts = {} if contract is None else {BTC: contract}
    return Ledger(
        nothing, 1_000.0, 0, 0, {}, rows, positions, paid, contracts, {BTC: way} if path else {}
    )


def curve_of(ledger: Ledger, closes: list[int]) -> pd.DataFrame:
    hours = np.arange(1, len(closes) + 1, dtype=np.int64)
    frame = pd.DataFrame({"ts_close": START + hours * HOUR, "close": closes})
    return equity_curve(ledger, {BTC: frame}, START - 5)


def test_the_curve_begins_with_the_balance_and_has_a_row_per_bar():
    curve = curve_of(ledger_of([(1, 2.0, 100.0, 3.0)]), [100, 110, 105])
    assert curve["ts"].tolist() == [START - 5, *(START + h * HOUR for h in (1, 2, 3))]
    assert curve["ts"].dtype == np.int64
    for name in ("equity", "low", "high", "peak", "trough"):
        assert curve[name].tolist() == [1_000.0, 997.0, 1_017.0, 1_007.0]


def test_what_is_closed_after_the_last_bar_belongs_to_it():
    fills = [(1, 2.0, 100.0, 0.0), (9, -2.0, 130.0, 1.0)]
    curve = curve_of(ledger_of(fills), [100, 110, 105, 120])
    assert curve["equity"].tolist() == [1_000.0, 1_000.0, 1_020.0, 1_010.0, 1_059.0]
    # Not so a way that goes on after it.
    path = [(2, 1, 90.0), (9, 1, 10.0)]
    curve = curve_of(ledger_of(fills[:1], path=path), [100, 110])
    assert curve["low"].tolist() == [1_000.0, 1_000.0, 980.0]


def test_a_payment_of_the_bars_very_end_is_in_it():
    fills = [(1, 2.0, 100.0, 0.0)]
    curve = curve_of(ledger_of(fills, [(2, -7.0), (3, 4.0)]), [100, 100, 100])
    assert curve["equity"].tolist() == [1_000.0, 1_000.0, 993.0, 997.0]
    path = [(2, 1, 100.0), (3, 1, 99.0)]
    curve = curve_of(ledger_of(fills, [(2, -7.0), (3, 4.0)], path), [100, 100, 100])
    assert curve["low"].tolist() == [1_000.0, 1_000.0, 993.0, 995.0]


def test_the_deepest_fall_of_each_bar_is_found_beside_its_extremes():
    # In the third bar up to 120, down to 111, up to 125 and to 118: by 9 twenties, then by 7.
    path = [(2, 1, 101.0), (3, 1, 120.0), (3, 1, 111.0), (3, 1, 125.0)]
    curve = curve_of(ledger_of([(1, 1.0, 100.0, 0.0)], path=path), [100, 102, 118])
    assert curve[["low", "high", "peak", "trough"]].iloc[2].tolist() == [1_001, 1_002, 1_001, 1_001]
    assert curve[["low", "high", "peak", "trough"]].iloc[3].tolist() == [1_011, 1_025, 1_020, 1_011]
    # Where what follows is the close, to it.
    curve = curve_of(ledger_of([(1, 1.0, 100.0, 0.0)], path=path), [100, 102, 105])
    assert curve[["low", "high", "peak", "trough"]].iloc[3].tolist() == [1_005, 1_025, 1_025, 1_005]


@pytest.mark.parametrize(
    ("contract", "worth"),
    [
        (None, [1_000.0, 1_000.0, 1_002.0]),
        (Contract(multiplier=10.0), [1_000.0, 1_000.0, 1_020.0]),
        (Contract(is_inverse=True, multiplier=50.0), [1_000.0, 1_000.0, 1_000.2]),
    ],
)
def test_the_contract_says_what_a_quantity_is_worth(contract: Contract | None, worth: list[float]):
    price = [1.0, 1.0, 2.0] if contract is None or not contract.is_inverse else [100, 100, 125]
    fills = [(1, 2.0, price[0], 0.0)]
    curve = curve_of(ledger_of(fills, contract=contract), price[1:])
    assert curve["equity"].tolist() == pytest.approx(worth)


def table(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_drawdown_counts_falls_from_highs_before_and_inside_a_bar():
    flat = [100.0, 110.0, 100.0]
    still = {"equity": flat, "peak": flat, "trough": flat}
    low = max_drawdown(table(low=[100.0, 105.0, 70.0], high=[100.0, 120.0, 100.0], **still))
    assert low == pytest.approx(1.0 - 70.0 / 120.0)
    # A high of the bar itself is none before its low.
    own = max_drawdown(table(low=[100.0, 95.0, 100.0], high=[100.0, 200.0, 200.0], **still))
    assert own == pytest.approx(1.0 - 100.0 / 200.0)
    inside = {"low": flat, "high": flat, "equity": flat}
    fallen = table(peak=[100.0, 150.0, 100.0], trough=[100.0, 120.0, 100.0], **inside)
    assert max_drawdown(fallen) == pytest.approx(0.2)
    # From below a high before, the fall is counted from that.
    fallen = table(peak=[100.0, 110.0, 105.0], trough=[100.0, 110.0, 99.0], **inside)
    assert max_drawdown(fallen) == pytest.approx(0.1)
    rising = [100.0, 101.0]
    assert max_drawdown(pd.DataFrame(dict.fromkeys(fallen, rising))) == 0.0


def run(acts: dict[int, list], rows: list | None = None, **settings: Any) -> tuple[Ledger, Any]:
    script = {bar_time(number): sent for number, sent in acts.items()}
    data = settings.pop("data", hourly_bars(rows or [FLAT] * 6))
    return play(Play(data, acts=script, **settings))


def test_orders_positions_and_slippage_are_counted():
    model = SlippageFillModel(SlippageFillModelConfig())
    acts = {
        0: [("market", BTC, 0.1), ("limit", BTC, 0.1, 90_000.0)],
        1: [("market", BTC, -0.1)],
        2: [("market", BTC, -0.2)],
        3: [("market", BTC, 0.2), ("market", BTC, 0.1)],
    }
    ledger, _ = run(acts, venue={"fill_model": model})
    assert (ledger.n_orders, ledger.n_positions) == (6, 3)
    assert ledger.slippage == {"walked": 0, "assumed": 5}
    assert len(ledger.positions) == 3
    assert ledger.starting_balance == 100_000.0


@pytest.mark.parametrize("name", ["n_walked", "n_assumed"])
def test_a_fill_model_that_counts_one_thing_only_is_not_asked(name: str):
    class Half(SlippageFillModel):
        def __getattribute__(self, wanted: str) -> Any:
            return None if wanted == name else super().__getattribute__(wanted)

        def slippage(self, *_: object) -> float:
            return 0.1

    model = Half(SlippageFillModelConfig())
    ledger, _ = run({0: [("market", BTC, 0.1)]}, venue={"fill_model": model})
    assert len(ledger.fills) == 1
    assert ledger.slippage is None


def test_a_currency_the_account_does_not_hold_is_nothing():
    _, engine = run({0: [("market", BTC, 0.1)]}, [FLAT, (E, 101_000.0, E, 101_000.0)])
    ledger = read_ledger(engine, [], VENUE, ETH)
    assert ledger.starting_balance == 0.0
    assert ledger.pnl == ProfitAndLoss(*[Decimal(0)] * 5)


def test_refusals_are_counted_by_code_and_entries_only():
    acts = {0: [("market", BTC, 50.0)], 1: [("market", BTC, -50.0), ("market", BTC, 900.0)]}
    ledger, _ = run(acts, balance=1_000.0, leverage=50)
    assert ledger.refusals == {"-2019": 2, "-2027": 1}
    assert list(ledger.refusals) == ["-2019", "-2027"]


def test_fills_tell_side_effect_fee_and_reason():
    acts = {0: [("market", BTC, 0.1)], 1: [("market", BTC, -0.3)], 2: [("market", BTC, 0.1)]}
    ledger, _ = run(acts)
    fills = ledger.fills
    # A turn comes in two fills: what closes and what opens.
    assert fills["side"].tolist() == [1, -1, 1] or fills["side"].tolist() == [1, -1, -1, 1]
    signed = (fills["side"] * fills["quantity"]).cumsum().round(9)
    assert signed.iloc[-1] == pytest.approx(-0.1)
    # Of a turn the part that closes comes first.
    effects = fills["position_effect"].tolist()
    assert (effects[:2], effects[-1]) == (["open", "close"], "close")
    assert set(fills["reason"]) == {"order"}
    assert set(fills["tag"]) == {""}
    assert fills["fee"].sum() == pytest.approx(0.5 * E * 0.0005)
    assert fills["ts"].is_monotonic_increasing
    assert set(fills["symbol"]) == {BTC}


def test_a_position_is_what_happened_from_flat_to_flat():
    rows = [
        FLAT,
        (E, 102_000.0, E, 102_000.0),
        (102_000.0,) * 4,
        (102_000.0, 104_000.0, 102_000.0, 104_000.0),
    ]
    rows += [(104_000.0,) * 4] * 2
    acts = {
        0: [("market", BTC, 0.1)],
        1: [("market", BTC, 0.3)],
        3: [("market", BTC, -0.1)],
        4: [("market", BTC, -0.5)],
    }
    ledger, _ = run(acts, rows)
    first, second = ledger.positions.to_dict("records")
    assert (first["side"], first["quantity"], second["side"]) == (1, pytest.approx(0.4), -1)
    assert first["entry_price"] == pytest.approx(101_500.0)
    assert first["exit_price"] == 104_000.0
    fees = 0.0005 * (0.1 * E + 0.3 * 102_000.0 + 0.4 * 104_000.0)
    assert first["fees"] == pytest.approx(fees)
    assert first["pnl"] == pytest.approx(0.4 * 2_500.0 - fees)
    assert (first["ts_opened"], first["ts_closed"]) == (bar_time(0), bar_time(4))
    assert (second["ts_opened"], second["ts_closed"]) == (bar_time(4), 0)
    assert second["fees"] == pytest.approx(0.0005 * 0.2 * 104_000.0)
    assert second["pnl"] == pytest.approx(-second["fees"])
    assert np.isnan(second["exit_price"])
    assert (second["entry_reason"], second["exit_reason"]) == ("order", "")
    assert (first["entry_reason"], first["exit_reason"]) == ("order", "order")


def test_positions_of_several_symbols_stand_in_the_order_of_their_beginnings():
    btc, sol = flat_bars(E, 6), hourly_bars([(200.0,) * 4] * 6, SOL)
    acts = {
        0: [("market", SOL, 1.0)],
        1: [("market", BTC, 0.1)],
        2: [("market", SOL, -1.0)],
        3: [("market", BTC, -0.1), ("market", SOL, -2.0)],
    }
    ledger, _ = run(acts, data=[*btc, *sol], symbols=(BTC, SOL))
    assert ledger.positions["symbol"].tolist() == [SOL, BTC, SOL]
    assert set(ledger.contracts) == {BTC, SOL}
    assert set(ledger.paths) == {BTC, SOL}


def test_an_addition_opens_and_each_reduction_closes():
    acts = {
        0: [("market", BTC, -0.2)],
        1: [("market", BTC, -0.1)],
        2: [("market", BTC, 0.1)],
        3: [("market", BTC, 0.1)],
        4: [("market", BTC, -0.4)],
    }
    ledger, _ = run(acts)
    effects = ledger.fills["position_effect"].tolist()
    assert effects == ["open", "open", "close", "close", "open"]


def test_what_the_fund_bears_and_what_is_open_sum_over_symbols():
    btc = hourly_bars([FLAT, FLAT, (80_000.0,) * 4, (80_000.0,) * 4, (81_000.0,) * 4])
    sol = hourly_bars([(200.0,) * 4] * 2 + [(160.0,) * 4] * 2 + [(170.0,) * 4], SOL)
    acts = {
        0: [("market", BTC, 0.1), ("market", SOL, 1.0)],
        3: [("market", BTC, 0.01), ("market", SOL, 1.0)],
    }
    ledger, _ = run(acts, data=[*btc, *sol], symbols=(BTC, SOL))
    # Taken over at 90,000 and 180 where the market was at 80,000 and 160.
    assert float(ledger.pnl.insurance) == pytest.approx(1_000.0 + 20.0)
    assert float(ledger.pnl.liquidations) == pytest.approx(-1_000.0 - 20.0)

    assert float(ledger.pnl.price) == pytest.approx(10.0 + 10.0, abs=0.01)


@pytest.mark.parametrize("margin", ["isolated", "cross"])
def test_the_split_of_the_profit_sums_to_it(margin: str):
    rows = [FLAT] * 9 + [
        (E, E, 85_000.0, 86_000.0),
        (86_000.0,) * 4,
        (86_000.0, 88_000.0, 86_000.0, 87_000.0),
    ]
    data = [*hourly_bars(rows), funding(START + 8 * HOUR, "0.002")]
    acts = {0: [("market", BTC, 0.1)], 10: [("market", BTC, 0.03)]}
    settings = SettlementConfig(margin=margin)
    ledger, _ = run(acts, data=data, balance=1_300.0, settlement=settings)
    pnl = ledger.pnl
    assert float(pnl.funding) == pytest.approx(-20.0)
    assert ledger.funding[["rate", "price", "quantity"]].iloc[0].tolist() == [0.002, E, 0.1]
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"].iloc[0]
    assert float(pnl.clearance_fees) == pytest.approx(-forced["fee"])
    realised = 0.1 * (forced["price"] - E) - forced["fee"]
    assert float(pnl.liquidations) == pytest.approx(realised, abs=1e-6)
    ordered = ledger.fills[ledger.fills["reason"] == "order"]
    assert float(pnl.fees) == pytest.approx(-ordered["fee"].sum(), abs=1e-6)
    is_open = len(ordered) > 1
    assert float(pnl.price) == pytest.approx(0.03 * 1_000.0 if is_open else 0.0, abs=1e-6)
    assert is_open == (margin == "isolated")
    assert pnl.total == pnl.price + pnl.fees + pnl.funding + pnl.liquidations
