"""What a catalog answers is what the actor published in a backtest over it."""

import json

import numpy as np
import pytest
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from support.query_catalog import DAY_NS
from support.query_catalog import START_NS
from support.query_catalog import make_catalog
from typer.testing import CliRunner

from liq_nautilus.cli.main import app
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.queries import asking


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    catalog = make_catalog(folder, days=3, seed=4)
    settings = folder / "settings.json"
    settings.write_text(json.dumps({"random_runs": 0}), encoding="utf-8")
    words = ["backtest", settings, "--catalog", catalog, "--out", folder / "run", "--json"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    kept = [path.parent.parent for path in (folder / "run").rglob("custom_liquidation_levels")]
    return catalog, ParquetDataCatalog(kept[0])


def at_hours(data, hours):
    # What was published last in each of some moments' five minutes.
    for hour in hours:
        ts = START_NS + round(hour * DAY_NS / 24)
        chosen = [datum for datum in data if ts <= datum.ts_init < ts + 300_000_000_000]
        assert chosen
        yield chosen


def test_levels_are_those_the_actor_published(published):
    catalog, store = published
    data = [item.data for item in store.query(LiquidationLevels)]
    seen = set()
    for chosen in at_hours(data, (3.0, 24.0, 31.4, 47.9, 70.0)):
        for datum in chosen:
            answer = asking.levels(catalog, model=datum.model, at=datum.ts_init)
            seen.add(datum.model)
            # The actor publishes what is near the price; the outermost buckets are cut there.
            columns = answer.columns
            low, high = datum.price[1:-1].min(initial=np.inf), datum.price[1:-1].max(initial=0.0)
            own = (columns["price"] >= low * (1 - 1e-12)) & (columns["price"] <= high * (1 + 1e-12))
            for name, expected in (
                ("price", datum.price),
                ("volume", datum.notional),
                ("volume_low", datum.notional_low),
                ("volume_high", datum.notional_high),
                ("leverage", datum.leverage),
                ("confidence", datum.confidence),
            ):
                np.testing.assert_allclose(columns[name][own], expected[1:-1], rtol=1e-9)
            assert answer.current_price == pytest.approx(datum.reference_price, rel=1e-12)
    assert seen == set(asking.MODELS)


def test_signals_are_those_the_actor_published(published):
    catalog, store = published
    data = [item.data for item in store.query(LiquidationSignal)]
    for chosen in at_hours(data, (5.0, 26.0, 39.4, 66.0)):
        for datum in chosen:
            signal = asking.signals(catalog, at=datum.ts_init).signal
            assert (signal.action, signal.reason) == (datum.action, datum.reason)
            assert signal.confidence == pytest.approx(datum.confidence, rel=1e-9)
