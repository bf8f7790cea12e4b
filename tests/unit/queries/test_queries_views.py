"""SQL over a catalog: the views' columns, and that their sums are those of the answers."""

import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.query_catalog import DAY_NS
from support.query_catalog import HOUR_NS
from support.query_catalog import START_NS
from support.query_catalog import make_catalog

from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.queries import asking
from liq_nautilus.queries import views
from liq_nautilus.queries.forecast import forecast
from liq_nautilus.queries.time_windows import Window

COLUMNS = {
    "liquidation_levels": [
        *("timestamp", "symbol", "model", "price_level", "liquidation_volume"),
        *("volume_low", "volume_high", "exposure", "leverage_tier", "side", "confidence"),
    ],
    "liquidation_history": [
        *("id", "timestamp", "symbol", "price", "quantity", "notional", "side", "source"),
        "leverage",
    ],
    "heatmap_cache": ["time_bucket", "price_bucket", "symbol", "model", "density", "volume"],
}


@pytest.fixture(scope="module")
def connection(catalog):
    return views.connect(catalog)


def one(connection, query):
    return connection.execute(query).fetchall()[0][0]


@pytest.mark.parametrize("view", COLUMNS)
def test_views_have_their_columns(connection, view):
    assert connection.table(view).columns == COLUMNS[view]


def test_every_view_can_be_asked(connection):
    for view in views.VIEWS:
        table = connection.table(view)
        assert "symbol" in table.columns
        assert "BLOB" not in [str(kind) for kind in table.types]
        assert table.limit(1).fetchall() or view in {"trades", "liquidation_orders"}


def test_an_empty_view_has_the_columns_it_would_have(connection, tmp_path):
    whole = make_catalog(tmp_path, days=1)
    shutil.rmtree(whole / "data" / "custom_open_interest")
    bare = views.connect(whole)
    for view in views.VIEWS:
        assert bare.table(view).columns == connection.table(view).columns
    for view in ("open_interest_history", "liquidation_levels", "signals"):
        assert bare.table(view).fetchall() == []
        assert bare.table(view).types == connection.table(view).types


def test_prices_are_exact(connection, catalog):
    bars = read(Catalog(catalog), BARS, "BTCUSDT", interval="5m")
    rows = connection.sql(
        'SELECT open, high, low, close, volume FROM bars ORDER BY "timestamp"'
    ).fetchnumpy()
    for name, column in rows.items():
        assert np.array_equal(column, bars[name])
    assert one(connection, 'SELECT DISTINCT "interval" FROM bars') == "5m"


@pytest.mark.parametrize("value", [0, 1, -1, 12345678.9, 1e-8, 123_456_789_012_345.0, -5e11])
def test_raw_numbers_of_any_size_are_read(value):
    raw = round(value * 10**16).to_bytes(16, "little", signed=True)
    found = views.number_of(pa.chunked_array([pa.array([raw, raw], type=pa.binary())]))
    assert found.to_pylist() == pytest.approx([value, value], rel=1e-15)


def test_sums_are_those_of_the_answers(connection, catalog):
    ts = START_NS + 2 * DAY_NS + 4 * HOUR_NS
    for model in ("ensemble", "binance_standard"):
        answer = asking.levels(catalog, model=model, at=ts)
        found = one(
            connection,
            f"SELECT sum(liquidation_volume) FROM liquidation_levels WHERE model = '{model}' "
            f'AND "timestamp" = make_timestamp({ts // 1000})',
        )
        assert found == pytest.approx(answer.columns["volume"].sum(), rel=1e-9)
        window = Window("1h", end=ts + 1, resolution="1h", price_low=1.0, price_high=1e6)
        heat = asking.heatmap(catalog, model=model, window=window)
        found = one(
            connection,
            f"SELECT sum(volume) FROM heatmap_cache WHERE model = '{model}' "
            f"AND time_bucket = make_timestamp({ts // 1000})",
        )
        assert found == pytest.approx(heat.metadata["total_volume"], rel=1e-9)
    history = asking.history(catalog).table
    total = one(connection, "SELECT sum(long_notional + short_notional) FROM liquidation_bars")
    assert total == pytest.approx(sum(history["notional"].to_pylist()), rel=1e-12)


def test_forecasts_are_those_of_the_answers(connection, catalog):
    ts = START_NS + 3 * DAY_NS + 5 * HOUR_NS
    for horizon in ("1h", "1d"):
        answer = forecast(catalog, horizon=horizon, at=ts).document()["sides"]
        rows = connection.sql(
            f"""
            SELECT side, expected, q10, q50, q90, q99, probability_unusual FROM forecasts
            WHERE horizon = '{horizon}' AND "timestamp" = make_timestamp({ts // 1000})
            """
        ).fetchall()
        assert {row[0] for row in rows} == answer.keys()
        for side, *numbers in rows:
            assert numbers == pytest.approx(list(answer[side].values())[:6], rel=1e-9)


def test_history_is_what_history_answers(connection, catalog):
    rows = connection.sql(
        """
        SELECT epoch_ns("timestamp") AS ts, notional, side, source FROM liquidation_history
        ORDER BY "timestamp", side
        """
    ).fetchall()
    answered = asking.history(catalog).table.select(["ts", "notional", "side", "source"])
    assert rows == [tuple(row.values()) for row in answered.to_pylist()]
    assert one(connection, "SELECT max(id) FROM liquidation_history") == len(rows)


def test_single_orders_are_the_history_where_there_are_no_sums(tmp_path):
    catalog = make_catalog(tmp_path, days=1)
    shutil.rmtree(catalog / "data" / "custom_liquidation_volume")
    write_orders(tmp_path / "orders")
    ingest(tmp_path / "orders", catalog)
    rows = views.connect(catalog).sql("SELECT * EXCLUDE (id) FROM liquidation_history").fetchall()
    assert [row[1:] for row in rows] == [
        ("BTCUSDT", 99_000.0, 0.5, 49_500.0, "long", "binance", None),
        ("BTCUSDT", 101_000.0, 2.0, 202_000.0, "short", "binance", None),
    ]
    document = asking.history(catalog).document()["events"]
    assert [event["notional"] for event in document] == [49_500.0, 202_000.0]


def write_orders(folder):
    folder.mkdir()
    time_ms = START_NS // 1_000_000
    lines = [
        "time,side,original_quantity,price,average_price,accumulated_fill_quantity",
        f"{time_ms + 1000},SELL,0.5,98000,99000,0.5",
        f"{time_ms + 2000},BUY,2,102000,101000,2",
    ]
    name = "BTCUSDT-liquidationSnapshot-2026-01-01.csv"
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


README = Path(__file__).parents[3] / "README.md"
QUERIES = re.search(r"```sql\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]


@pytest.mark.parametrize("number", range(3))
def test_the_queries_of_the_readme_run(connection, number):
    assert QUERIES.count(";") == 3
    rows = connection.sql(QUERIES.split(";")[number]).fetchall()
    assert rows
    assert all(value is not None for row in rows for value in row)


def test_new_data_is_seen_after_connecting_anew(tmp_path):
    catalog = make_catalog(tmp_path, days=1)
    first = one(views.connect(catalog), "SELECT count(*) FROM bars")
    ingested = make_catalog(tmp_path, days=2, seed=1)
    assert one(views.connect(ingested), "SELECT count(*) FROM bars") == 2 * first


def test_an_empty_catalog_is_refused(tmp_path):
    with pytest.raises(DataGapError, match="must hold data, there was none"):
        views.connect(tmp_path)
