"""Open interest as /futures/data/openInterestHist answers."""

import json

import pytest
from support.catalogs import frame_of
from support.snapshots import KnownMarket

from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.nautilus.ingest.ingest import ingest

START_MS = 1_783_000_800_000


def answer(named: dict[str, str], n: int, minutes: int, price: float) -> list[dict]:
    coins = "contractType" in named
    quantities = [20_403.1234 + 7 * i for i in range(n)]
    return [
        {
            **named,
            "sumOpenInterest": f"{quantity:.8f}",
            "sumOpenInterestValue": f"{quantity * (100.0 / price if coins else price):.8f}",
            "timestamp": START_MS + i * minutes * 60_000,
        }
        for i, quantity in enumerate(quantities)
    ]


@pytest.mark.parametrize(
    ("symbol", "named"),
    [
        ("ETHUSDT", {"symbol": "ETHUSDT", "CMCCirculatingSupply": "165880.538"}),
        ("BTCUSD_PERP", {"pair": "BTCUSD", "contractType": "PERPETUAL"}),
    ],
)
@pytest.mark.parametrize("minutes", [5, 60, 240])
def test_answers_become_open_interest_of_their_moments(tmp_path, symbol, named, minutes):
    rows = answer(named, 30, minutes, 2_500.0)
    folder = tmp_path / "source"
    folder.mkdir()
    path = folder / f"{symbol}-openInterestHist-2026-07.json"
    path.write_text(json.dumps(rows))
    summary = ingest(folder, tmp_path / "catalog")
    assert summary.issues == []
    found = frame_of(tmp_path / "catalog", OPEN_INTEREST, symbol=symbol)
    moments = [row["timestamp"] * 1_000_000 for row in rows]
    assert found["ts"].tolist() == found["ts_known"].tolist() == moments
    quantities = [float(row["sumOpenInterest"]) for row in rows]
    assert found["open_interest"].tolist() == quantities
    value = 100.0 if symbol == "BTCUSD_PERP" else 2_500.0
    assert found["open_interest_notional"].tolist() == pytest.approx(
        [quantity * value for quantity in quantities]
    )
    assert found["account_ratio"].isna().all()


def test_rows_of_another_symbol_are_none_of_the_file(tmp_path):
    rows = answer({"symbol": "ETHUSDT"}, 8, 5, 2_500.0)
    rows[5]["symbol"] = "BTCUSDT"
    (tmp_path / "ETHUSDT-openInterestHist-2026-07-02.json").write_text(json.dumps(rows))
    summary = ingest(tmp_path, tmp_path / "catalog")
    assert [(issue.line, issue.what) for issue in summary.issues] == [
        (6, "symbol must be ETHUSDT, was BTCUSDT")
    ]


def test_answers_that_say_less_contradict_no_metrics(tmp_path):
    market = KnownMarket("ETHUSDT", n_days=2)
    market.write_bars(tmp_path / "bars")
    market.write_snapshots(tmp_path / "source", 0, lead=1)
    rows = [
        {
            "symbol": "ETHUSDT",
            "sumOpenInterest": f"{quantity:.3f}",
            "sumOpenInterestValue": f"{quantity * price:.8f}",
            "timestamp": int(ts) // 1_000_000,
        }
        for ts, price, quantity in zip(
            market.moments[:400], market.prices, market.quantities, strict=False
        )
    ]
    path = tmp_path / "source" / "ETHUSDT-openInterestHist-2026-01.json"
    path.write_text(json.dumps(rows))
    ingest(tmp_path / "bars", tmp_path / "catalog")
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert summary.issues == []
    counts = summary.kinds["openInterestHist"]["ETHUSDT"]
    assert (counts.kept, counts.rejected) == (400 - 288, 0)
    found = frame_of(tmp_path / "catalog", OPEN_INTEREST, symbol="ETHUSDT")
    assert found["account_ratio"].notna().sum() == 288
    assert len(found) == 400
