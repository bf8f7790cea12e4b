import json

import numpy as np
import pandas as pd
import pytest

from liq_nautilus.reports.equity_curve import drawdown
from liq_nautilus.reports.figures import comparison_figure
from liq_nautilus.reports.figures import equity_figure
from liq_nautilus.reports.figures import heatmap_figure
from liq_nautilus.reports.figures import liquidation_map_figure
from liq_nautilus.reports.heatmap import CLUSTER_AHEAD
from liq_nautilus.reports.heatmap import action_runs
from liq_nautilus.reports.heatmap import nearest_cluster
from liq_nautilus.reports.model_panels import disputed_bands
from liq_nautilus.reports.pages import report_grid
from liq_nautilus.reports.style import blend
from liq_nautilus.reports.style import compact_usd
from liq_nautilus.reports.style import price_text


@pytest.fixture(scope="module")
def heatmap(made_up_run):
    run = made_up_run
    return heatmap_figure(
        report_grid(run),
        run.bars,
        symbol=run.symbol,
        signals=run.signals,
        fills=run.fills,
        clusters=run.clusters,
    )


def document(figure) -> dict:
    return json.loads(figure.to_json())


def traces(figure, **wanted):
    return [t for t in figure.data if all(t[name] == value for name, value in wanted.items())]


def test_heatmap_goes_from_purple_over_blue_and_teal_to_yellow(heatmap):
    scale = heatmap.data[0].colorscale
    assert [colour for _, colour in scale] == [
        "rgb(68,1,84)",
        "rgb(59,82,139)",
        "rgb(33,145,140)",
        "rgb(253,231,37)",
    ]
    assert [stop for stop, _ in scale] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_heatmap_cells_are_the_levels_of_their_moment(made_up_run, heatmap):
    levels = made_up_run.levels
    trace = heatmap.data[0]
    last = levels[levels["ts"] == levels["ts"].max()]
    low = trace.y0 - trace.dy / 2
    inside = (last["price"] >= low) & (last["price"] < low + trace.dy * trace.z.shape[0])
    assert trace.z[:, -1].sum() == pytest.approx(last["notional"][inside].sum(), rel=1e-5)


def test_price_is_a_dashed_line_of_the_closes(made_up_run, heatmap):
    (price,) = traces(heatmap, name="Price")
    assert price.line.dash == "5px,2px"
    assert price.y.tolist() == made_up_run.bars["close"].tolist()
    assert price.x[0] == np.datetime64(int(made_up_run.bars["ts_close"].iloc[0]), "ns")


def test_signal_strip_has_a_cell_per_stretch_of_one_action(made_up_run, heatmap):
    (strip,) = traces(heatmap, name="Signal")
    runs = action_runs(made_up_run.signals)
    assert strip.z.shape == (1, len(runs))
    assert len(strip.x) == len(runs) + 1
    assert np.all(np.diff(strip.x.astype(np.int64)) > 0)
    names = ["AVOID", "REVERSAL_OPPORTUNITY", "WAIT", "CLEAR"]
    assert [names[code] for code in strip.z[0]] == runs["action"].tolist()


def test_reversals_are_marked_at_the_price_of_their_moment(made_up_run, heatmap):
    (marks,) = traces(heatmap, name="Reversal opportunity")
    first = action_runs(made_up_run.signals).query("action == 'REVERSAL_OPPORTUNITY'").iloc[0]
    bars = made_up_run.bars
    known = bars[bars["ts_close"] <= first["ts"]]
    assert marks.y[0] == known["close"].iloc[-1]


def test_only_the_fills_of_the_run_with_signals_are_shown_at_first(heatmap):
    (shown,) = traces(heatmap, name="Fills, with signals")
    (hidden,) = traces(heatmap, name="Fills, without signals")
    assert (shown.visible, hidden.visible) == (True, "legendonly")
    assert set(shown.marker.symbol) == {"triangle-up", "triangle-down"}
    assert "open: momentum" in shown.text[0]


def test_a_cluster_within_two_percent_is_announced(made_up_run, heatmap):
    (note,) = heatmap.layout.annotations
    assert CLUSTER_AHEAD in note.text
    assert "44.0M of longs" in note.text
    assert heatmap.layout.shapes[0].y0 == made_up_run.clusters["price_peak"].iloc[1]


def test_no_cluster_within_two_percent_announces_nothing(made_up_run):
    far = made_up_run.clusters.drop(index=1)
    figure = heatmap_figure(
        report_grid(made_up_run), made_up_run.bars, symbol="BTCUSDT", clusters=far
    )
    assert not figure.layout.annotations


@pytest.mark.parametrize("clusters", [None, pd.DataFrame({"ts": [], "price_peak": []})])
def test_no_clusters_are_not_announced(clusters):
    assert nearest_cluster(clusters, 100.0) is None


def test_only_clusters_of_the_last_moment_count(made_up_run):
    clusters = made_up_run.clusters
    old = clusters.assign(ts=clusters["ts"] - 1, price_peak=made_up_run.bars["close"].iloc[-1])
    both = pd.concat([old, clusters], ignore_index=True)
    found = nearest_cluster(both, made_up_run.bars["close"].iloc[-1])
    assert found["distance"] == pytest.approx(-0.012)


def test_heatmap_without_signals_has_one_panel(made_up_run):
    figure = heatmap_figure(report_grid(made_up_run), made_up_run.bars, symbol="BTCUSDT")
    assert [trace.name for trace in figure.data] == ["Levels", "Price"]


def test_no_text_of_a_figure_holds_a_formula(made_up_run, heatmap):
    # Two dollar signs in one text would make Plotly look for MathJax.
    figures = [
        heatmap,
        liquidation_map_figure(made_up_run.levels_final, 65_000.0, symbol="BTCUSDT"),
        comparison_figure(made_up_run.levels_final, 65_000.0, symbol="BTCUSDT"),
        equity_figure(made_up_run.equity),
    ]
    for figure in figures:
        for key, text in texts(document(figure)):
            assert text.count("$") < 2, key


def texts(value, key=""):
    if isinstance(value, str):
        if key != "bdata":
            yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, key)


def test_map_has_the_wanted_colours(made_up_run):
    figure = document(liquidation_map_figure(ensemble(made_up_run), 65_000.0, symbol="BTCUSDT"))
    assert figure["layout"]["template"]["layout"]["paper_bgcolor"] == "#0d1117"
    colours = {trace["marker"]["color"] for trace in figure["data"] if trace["type"] == "bar"}
    assert {"#d9024b", "#45bf87"} <= colours
    assert figure["layout"]["shapes"][0]["line"]["color"] == "#f0b90b"


def ensemble(run) -> pd.DataFrame:
    return run.levels_final[run.levels_final["model"] == "ensemble"]


def test_map_bars_sum_to_the_levels_shown(made_up_run):
    price = float(made_up_run.bars["close"].iloc[-1])
    levels = ensemble(made_up_run)
    figure = liquidation_map_figure(levels, price, symbol="BTCUSDT")
    low, high = figure.layout.xaxis.range
    width = next(t.width for t in figure.data if t.type == "bar" and t.width)
    step = width / 0.92
    shown = levels[(levels["price"] >= low + step) & (levels["price"] <= high - step)]
    bars = [t for t in figure.data if t.type == "bar" and not t.showlegend and t.x[0] is not None]
    assert sum(t.y.sum() for t in bars) == pytest.approx(shown["notional"].sum())
    curve = next(t for t in figure.data if t.name == "Cumulative longs")
    assert curve.y[-1] == pytest.approx(shown["notional"][shown["side"] > 0].sum())


def test_map_never_mixes_longs_and_shorts_in_a_bar():
    levels = pd.DataFrame(
        {"price": [99.9, 100.1], "notional": 5.0, "side": [1, -1], "leverage": 125.0}
    )
    figure = liquidation_map_figure(levels, 100.0, symbol="X")
    for trace in figure.data:
        if trace.type == "bar" and trace.width:
            assert abs(trace.x[0] - 100.0) >= trace.width / 2


def test_map_groups_by_leverage(made_up_run):
    figure = liquidation_map_figure(ensemble(made_up_run), 65_000.0, symbol="BTCUSDT")
    legend = [t.name for t in figure.data if t.showlegend is None]
    assert legend == [
        "up to 10x",
        "10x to 25x",
        "25x to 50x",
        "over 50x",
        "Cumulative longs",
        "Cumulative shorts",
    ]


def test_empty_map_says_why(made_up_run):
    nothing = ensemble(made_up_run).iloc[:0]
    for figure in (
        liquidation_map_figure(nothing, 65_000.0, symbol="X"),
        comparison_figure(nothing, 65_000.0, symbol="X"),
    ):
        assert "No levels" in figure.layout.annotations[0].text


def test_comparison_has_a_panel_per_model(made_up_run):
    figure = comparison_figure(made_up_run.levels_final, 65_000.0, symbol="BTCUSDT")
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["binance standard", "funding adjusted", "py liquidation map", "ensemble"]
    assert len({trace.yaxis for trace in figure.data}) == 4


def test_comparison_shares_add_up_per_side(made_up_run):
    figure = comparison_figure(made_up_run.levels_final, 65_000.0, symbol="BTCUSDT")
    for trace in figure.data:
        assert trace.y.sum() == pytest.approx(1.0)


def test_comparison_shows_an_accuracy_table(made_up_run):
    accuracy = pd.DataFrame({"model": ["ensemble"], "spearman": [0.81234]})
    figure = comparison_figure(
        made_up_run.levels_final, 65_000.0, symbol="BTCUSDT", accuracy=accuracy
    )
    assert [list(column) for column in figure.data[-1].cells["values"]] == [["ensemble"], ["0.812"]]


def test_disputed_bands_lie_more_than_five_points_apart():
    shares = pd.DataFrame(
        [
            ("a", 1, 100.0, 0.50),
            ("b", 1, 100.0, 0.46),
            ("a", 1, 110.0, 0.50),
            ("b", 1, 110.0, 0.40),
            ("b", 1, 120.0, 0.14),
        ],
        columns=["model", "side", "band", "share"],
    )
    assert disputed_bands(shares) == [110.0, 120.0]


def test_models_that_agree_have_no_disputed_band(made_up_run):
    twin = ensemble(made_up_run)
    both = pd.concat([twin, twin.assign(model="twin")])
    assert not comparison_figure(both, 65_000.0, symbol="X").layout.shapes[2:]


def test_equity_shows_both_runs_and_their_drawdown(made_up_run):
    figure = equity_figure(made_up_run.equity)
    assert [trace.name for trace in figure.data[::2]] == ["Without signals", "With signals"]
    curve = made_up_run.equity["signals"]["equity"].to_numpy()
    assert figure.data[2].y.tolist() == curve.tolist()
    assert figure.data[3].y.min() == drawdown(curve).min()


def test_thinned_equity_keeps_its_extremes():
    rng = np.random.default_rng(8)
    curve = 1e5 + np.cumsum(rng.normal(size=50_000))
    frame = pd.DataFrame({"ts": np.arange(curve.size) * 60_000_000_000, "equity": curve})
    figure = equity_figure({"signals": frame})
    assert len(figure.data[0].y) <= 3000
    assert figure.data[0].y.max() == curve.max()
    assert (figure.data[0].y[0], figure.data[0].y[-1]) == (curve[0], curve[-1])


def test_no_equity_says_so():
    empty = pd.DataFrame({"ts": [], "equity": []})
    assert "No equity" in equity_figure({"signals": empty}).layout.annotations[0].text


def test_figures_are_the_same_twice(made_up_run):
    first = equity_figure(made_up_run.equity).to_json()
    assert first == equity_figure(made_up_run.equity).to_json()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "$0"),
        (3.14159, "$3.14"),
        (999.4, "$999"),
        (999.6, "$1.00K"),
        (1_234_567_890.0, "$1.23B"),
        (99_960_000.0, "$100M"),
        (2e12, "$2.00T"),
        (float("nan"), "n/a"),
    ],
)
def test_amounts_read_compactly(value, text):
    assert compact_usd(value) == text


def test_prices_of_zero_and_nan_are_written():
    assert (price_text(0.0), price_text(float("nan"))) == ("$0.00", "n/a")


def test_blending_nothing_gives_the_ground():
    assert blend("#ff0000", 0.0, "#123456") == "#123456"
