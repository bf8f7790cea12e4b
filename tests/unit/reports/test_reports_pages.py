import base64
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from liq_nautilus.reports import signal_worth
from liq_nautilus.reports import tables
from liq_nautilus.reports.pages import fine_cells
from liq_nautilus.reports.pages import render_page
from liq_nautilus.reports.pages import report_grid
from liq_nautilus.reports.pages import write_report
from liq_nautilus.reports.style import empty_figure


@pytest.fixture(scope="module")
def page(made_up_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "deep" / "report.html"
    write_report(made_up_run, path, note="A simulated market.")
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def summary_with(made_up_run, **changes) -> dict:
    return {**made_up_run.summary, **changes}


def test_page_loads_nothing_from_elsewhere(page):
    markup = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", markup)
    assert "default-src 'none'" in page
    assert page.count("<script") == 3


def test_page_holds_its_figures_and_places_for_them(page):
    document = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert list(document["figures"]) == ["heatmap", "equity", "map", "comparison"]
    for name in document["figures"]:
        assert f'id="{name}"' in page
        assert "title" not in document["figures"][name]["layout"]


def test_page_is_fit_for_a_phone_and_says_what_it_is(page):
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "<title>BTCUSDT liquidation report</title>" in page
    assert "A simulated market." in page
    assert "2026-05-28 20:30 to 2026-05-30 22:30 UTC, 5m bars" in page


def test_page_is_the_same_twice(made_up_run, page, tmp_path):
    write_report(made_up_run, tmp_path / "again.html", note="A simulated market.")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_every_symbol_of_a_run_is_on_the_page(made_up_run, tmp_path):
    other = SimpleNamespace(**vars(made_up_run))
    other.symbol = "SOLUSDT"
    other.summary = summary_with(other, duty_by_symbol={"SOLUSDT": {"AVOID": 0.125}})
    write_report(made_up_run, tmp_path / "report.html", others=[other])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<title>BTCUSDT, SOLUSDT liquidation report</title>" in page
    document = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert list(document["figures"]) == [
        "heatmap", "equity", "map", "comparison",
        "heatmap-SOLUSDT", "map-SOLUSDT", "comparison-SOLUSDT",
    ]  # fmt: skip
    for name in document["figures"]:
        assert page.count(f'id="{name}"') == 1
    assert "Liquidation levels over time, BTCUSDT" in page
    assert "What followed the signals, SOLUSDT" in page
    assert "12.5" in page.partition("Signals in force, SOLUSDT")[2][:2_000]


def test_own_script_stays_short():
    from importlib import resources

    script = resources.files("liq_nautilus.reports").joinpath("page.js").read_text(encoding="utf-8")
    assert len(script.splitlines()) < 100


def test_text_of_the_run_cannot_become_markup(made_up_run, tmp_path):
    reason = "</script><script>alert(1)</script>"
    run = SimpleNamespace(**vars(made_up_run))
    run.signals = run.signals.assign(reason=reason)
    run.summary = summary_with(run, config={"name": "<b>x</b>"})
    write_report(run, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text


def test_a_run_that_published_nothing_still_makes_a_page(made_up_run, tmp_path):
    run = SimpleNamespace(**vars(made_up_run))
    run.levels, run.levels_final = run.levels.iloc[:0], run.levels_final.iloc[:0]
    run.signals, run.clusters = run.signals.iloc[:0], run.clusters.iloc[:0]
    write_report(run, tmp_path / "report.html")
    assert "No levels were published" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_run_without_bars_still_makes_a_page(made_up_run, tmp_path):
    run = SimpleNamespace(**vars(made_up_run))
    run.bars, run.levels_final = run.bars.iloc[:0], run.levels_final.iloc[:0]
    write_report(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 1e6


def test_fine_cells_decode_to_the_grid(made_up_run):
    grid = report_grid(made_up_run)
    fine = fine_cells(grid)
    cells = np.frombuffer(base64.b64decode(fine["cells"]), "<u2").reshape(fine["rows"], -1)
    assert cells.shape == grid.notional.shape
    known = cells != 65_535
    assert np.array_equal(known, np.isfinite(grid.notional))
    error = np.abs(cells * fine["unit"] - grid.notional)[known]
    assert error.max() <= fine["unit"] * 0.51


def test_a_page_of_one_figure_needs_no_fine_grid():
    text = render_page("T", '<div id="one"></div>', {"one": empty_figure("nothing")})
    assert '"fine":{}' in text


def test_reading_calls_an_interval_around_zero_indistinguishable(made_up_run):
    text = tables.reading(made_up_run.summary)
    assert "not distinguishable from zero" in text
    assert "-$812 to +$390" in text


@pytest.mark.parametrize(
    ("interval", "word"), [([10.0, 390.0], "better"), ([-390.0, -10.0], "worse")]
)
def test_reading_warns_of_one_window_when_zero_is_left_out(made_up_run, interval, word):
    summary = summary_with(made_up_run, difference={"pnl": 1.0, "interval": interval})
    text = tables.reading(summary)
    assert f"the signals did {word}" in text
    assert "One window is one sample" in text


@pytest.mark.parametrize("interval", [None, [None, None], [float("nan"), 1.0]])
def test_reading_and_tables_do_without_an_interval(made_up_run, interval):
    summary = summary_with(made_up_run, difference={"pnl": 1.0, "interval": interval})
    assert "not distinguishable from zero" in tables.reading(summary)
    assert "no interval" in tables.statistics_table(summary)
    assert "no interval" in tables.cards(summary)


@pytest.mark.parametrize(("high", "place"), [(300.0, "inside"), (-300.0, "outside")])
def test_reading_says_what_random_signals_did(made_up_run, high, place):
    random = {"runs": 20, "mean_difference": 0.0, "interval": [-420.0, high]}
    text = tables.reading(summary_with(made_up_run, rivals={"random": random}))
    assert f"the map's lies {place} that range" in text


@pytest.mark.parametrize("rivals", [None, {"random": None}])
def test_reading_does_without_random_runs(made_up_run, rivals):
    assert "random" not in tables.reading(summary_with(made_up_run, rivals=rivals))


def test_reading_names_actions_that_never_came(made_up_run):
    summary = summary_with(made_up_run, duty={"AVOID": 0.2, "WAIT": 0.8, "CLEAR": 0.0})
    text = tables.reading(summary)
    assert "On this window there was no REVERSAL_OPPORTUNITY and no CLEAR." in text


def test_reading_says_when_the_signals_changed_nothing(made_up_run):
    summary = summary_with(made_up_run, difference={"pnl": 0.0, "interval": [0.0, 0.0]})
    assert "The signals changed no trade on this window" in tables.reading(summary)
    assert "not distinguishable" not in tables.reading(summary)


def test_statistics_show_both_runs_and_their_difference(made_up_run):
    text = tables.statistics_table(made_up_run.summary)
    assert "<td>Net P&amp;L</td><td>-$612</td><td>-$413</td>" in text
    assert "<td>Orders</td><td>40</td><td>48</td><td>-8</td>" in text
    assert "+0.00 pp" in text


def test_missing_numbers_are_shown_as_missing(made_up_run):
    lost = {**made_up_run.summary["signals"], "max_drawdown": None, "pnl": None}
    text = tables.statistics_table(summary_with(made_up_run, signals=lost))
    assert "n/a" in text


def test_events_stand_beside_like_times(made_up_run):
    text = signal_worth.events_table(made_up_run.events)
    assert "<td>AVOID, 1h</td><td>12</td><td>+21\u00a0bp</td><td>+18\u00a0bp</td>" in text
    assert '+3\u00a0bp<span class="interval">-10\u00a0bp to +16\u00a0bp</span>' in text
    assert "REVERSAL, 24h" in text
    assert "n/a" in text
    assert "CLEAR" not in text


def test_rivals_stand_beside_the_signals(made_up_run):
    text = signal_worth.rivals_table(made_up_run.summary)
    for part in (
        '<td>The map&#x27;s signals</td><td>-$199<span class="interval">-$812 to +$390</span></td>',
        "<td>At random moments (20 runs)</td><td>-$35.20<span ",
        "<td>Plain rule: buy after a drop</td><td>-$88</td>",
        "<td>Trades kept out: 6</td><td>-$120</td>",
    ):
        assert part in text


def test_rivals_that_did_not_run_are_left_out(made_up_run):
    lost = {"rivals": {"random": None, "plain_drop": None}, "trades": None, "difference": {}}
    text = signal_worth.rivals_table({**made_up_run.summary, **lost})
    assert text.count("<tr>") == 2
    assert "n/a" in text


def test_a_run_without_evidence_shows_none(made_up_run, tmp_path):
    run = SimpleNamespace(**vars(made_up_run))
    run.summary = summary_with(run, rivals=None, trades=None)
    run.events = run.events.iloc[:0]
    write_report(run, tmp_path / "report.html")
    assert "Against rivals" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_provenance_lists_what_the_summary_adds(made_up_run):
    more = {
        "parameters": {"hash": "ab12", "weights": [0.5, 0.25]},
        "seed": 7,
        "rate": 0.1234567891,
        "nothing": None,
    }
    text = tables.provenance(summary_with(made_up_run, **more), "1.2.3")
    for part in ("parameters: hash", "ab12", "0.5, 0.25", "<dd>7</dd>", "0.123457", "1.2.3"):
        assert part in text
    assert "nothing" not in text.split("</dl>")[0]
