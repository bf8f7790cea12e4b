"""The commands that ask a catalog: JSON by the contract, tables for a person, files."""

import csv
import json

import pytest
import typer
from support.query_catalog import make_catalog
from typer.testing import CliRunner

from liq_nautilus.cli.main import app
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.queries import asking


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return make_catalog(tmp_path_factory.mktemp("commands"), days=3)


def invoke(command, catalog, *arguments, **settings):
    words = [command, "--catalog", str(catalog), *(str(word) for word in arguments)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "80", **settings})


def document(command, catalog, *arguments, **settings):
    done = invoke(command, catalog, *arguments, "--json", **settings)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


KEYS = {
    "levels": {
        *("symbol", "model", "timestamp", "current_price", "confidence", "is_valid"),
        *("warnings", "params_hash", "assumptions", "levels", "max_pain"),
    },
    "heatmap": {
        *("symbol", "model", "timeframe", "start", "end", "current_price", "times"),
        *("prices", "densities", "candles", "metadata"),
    },
    "history": {"symbol", "events"},
    "compare": {"symbol", "timestamp", "models", "agreement"},
    "signals": {
        *("symbol", "timestamp", "action", "reason", "confidence", "risk"),
        *("position_side", "cluster"),
    },
}


@pytest.mark.parametrize("command", KEYS)
def test_json_is_the_answers_document(catalog, command):
    found = document(command, catalog)
    assert found.keys() >= KEYS[command]
    asked = getattr(asking, command)(catalog)
    assert found == json.loads(asked.to_json())


@pytest.mark.parametrize("command", KEYS)
def test_a_person_reads_a_table_that_fits_the_screen(catalog, command):
    shown = invoke(command, catalog)
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert "…" not in shown.stdout
    tables = [line for line in lines if "$" in line and ";" not in line and "price $" not in line]
    assert all(len(line.rstrip()) <= 80 for line in tables)
    if command != "history":
        assert "BTCUSDT" in lines[0]


def test_a_forecast_says_how_much_per_side_and_what_a_position_risks(catalog):
    found = document("forecast", catalog, "--horizon", "4h")
    assert found["horizon"] == "4h"
    assert list(found["sides"]) == ["long", "short", "both"]
    names = ["q10", "q50", "q90", "q99"]
    for one in found["sides"].values():
        told = [one[name] for name in names]
        assert told == sorted(told)
        assert 0.0 < one["probability_unusual"] < 1.0
    level = found["contributions"][0]
    assert set(level) == {"price", "side", "notional", "probability_touched"}
    assert "position_risk" not in found
    price = found["current_price"]
    stop = 0.97 * price
    mine = ("--position", "long", "--stop", stop, "--leverage", "5")
    risk = document("forecast", catalog, "--horizon", "4h", *mine)["position_risk"]
    assert risk["side"] == "long"
    assert risk["end_price"] == pytest.approx(stop)
    assert risk["notional_between"] > 0.0
    shown = invoke("forecast", catalog, *mine).stdout
    assert "your long ends at" in shown
    assert "chance of an unusual amount" in shown


def test_levels_are_shown_nearest_first_with_what_adds_up(catalog):
    lines = invoke("levels", catalog).stdout.splitlines()
    for side, sign in (("long", -1), ("short", 1)):
        own = [line.split() for line in lines if line.startswith(side)]
        away = [float(words[2].rstrip("%")) for words in own]
        assert 3 < len(own) <= 12
        assert away == sorted(away, key=abs)
        assert all(value * sign > 0 for value in away)
    text = "\n".join(lines)
    assert "heaviest long level at $" in text
    assert "exact formula, brackets of BTCUSDT" in text


def test_levels_that_are_not_valid_say_so(catalog):
    assert "NOT VALID" in invoke("levels", catalog, "--at", "2026-01-10").stdout
    assert "nothing to compare" not in invoke("compare", catalog).stdout


@pytest.mark.parametrize(("command", "column"), [("levels", "volume"), ("heatmap", "density")])
def test_csv_holds_every_row(catalog, tmp_path, command, column):
    done = invoke(command, catalog, "--csv", tmp_path / "deep" / "rows.csv")
    assert done.exit_code == 0
    with (tmp_path / "deep" / "rows.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = getattr(asking, command)(catalog).to_arrow()
    assert len(rows) == expected.num_rows
    total = sum(float(row[column]) for row in rows if row[column] not in {"", "nan"})
    assert total == pytest.approx(sum(v for v in expected[column].to_pylist() if v == v))


def test_a_signal_tells_the_risk(catalog):
    risk = document("signals", catalog)["risk"]
    told = "unknown" if risk is None else f"{risk:.0%}"
    shown = invoke("signals", catalog)
    assert f"risk of unusual liquidations {told}" in shown.stdout


@pytest.mark.parametrize("command", ["heatmap", "compare"])
def test_a_page_is_written_on_request(catalog, tmp_path, command):
    done = invoke(command, catalog, "--html", tmp_path / "page.html", "--json")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "BTCUSDT" in page
    assert "Plotly.newPlot" in page
    json.loads(done.stdout)


def test_heatmap_is_cut_to_time_and_prices(catalog):
    found = document(
        "heatmap",
        catalog,
        *("--start", "2026-01-02", "--end", "2026-01-02T06:00", "--resolution", "1h"),
        *("--price-low", 90_000, "--price-high", 110_000, "--rows", 50),
    )
    assert found["times"][0] == "2026-01-02T00:00:00Z"
    assert len(found["times"]) == 6
    assert len(found["prices"]) <= 51
    assert min(found["prices"]) >= 90_000
    assert len(found["densities"][0]) == len(found["prices"])


def test_history_aggregates(catalog):
    events = document("history", catalog, "--aggregate", "1d")["events"]
    assert events[0].keys() == {"timestamp", "long_notional", "short_notional"}
    last = document("history", catalog, "--limit", 2)["events"]
    assert len(last) == 2
    assert last[0].keys() == {"timestamp", "price", "quantity", "notional", "side", "source"}


def test_parameters_come_from_a_file_and_weights_from_the_environment(catalog, tmp_path):
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps({"parameters": {"bucket_size": 500.0}}), "utf-8")
    coarse = document("levels", catalog, "--params", path)
    usual = document("levels", catalog)
    assert len(coarse["levels"]) < len(usual["levels"]) / 3
    weighted = document("levels", catalog, LIQ_NAUTILUS_MODEL_WEIGHTS="1,0,0")
    assert weighted["levels"] != usual["levels"]
    assert weighted["params_hash"] != usual["params_hash"]
    assert weighted["assumptions"]["model_weights"]["binance_standard"] == 1.0


@pytest.mark.parametrize(
    ("command", "arguments", "error", "match"),
    [
        ("levels", ["--model", "oracle"], SettingError, "--model must be one of"),
        (
            "levels",
            ["--params", "nowhere.json"],
            SettingError,
            "--params must be a readable",
        ),
        ("levels", ["--brackets", "nowhere.json"], SettingError, "--brackets must be a readable"),
        ("signals", ["--model-weights", "1,2"], SettingError, "--model-weights must be 3 shares"),
        ("signals", ["--at", "noon"], SettingError, "--at must be an ISO 8601 time"),
        ("compare", ["--symbol", "SOLUSDT"], DataGapError, "SOLUSDT"),
        ("heatmap", ["--timeframe", "2d"], SettingError, "--timeframe must be one of"),
        ("heatmap", ["--html", "/dev/null/x.html"], StoreError, "--html must be a writable file"),
        ("history", ["--csv", "/dev/null/x.csv"], StoreError, "--csv must be a file"),
        ("forecast", ["--horizon", "2h"], SettingError, "--horizon must be one of 1h, 4h, 1d"),
        ("forecast", ["--position", "long"], SettingError, "must be long or short, with --stop"),
        (
            "forecast",
            ["--position", "long", "--stop", "1e9"],
            SettingError,
            "a stop above 0 that lies against it",
        ),
        ("history", ["--log-format", "xml"], SettingError, "--log-format must be text or json"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(catalog, command, arguments, error, match):
    done = invoke(command, catalog, *arguments)
    assert isinstance(done.exception, error), done.output
    assert match in str(done.exception)
    assert "\n" not in str(done.exception)


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))
def test_every_command_keeps_a_log_on_request(command):
    taken = typer.main.get_command(app).commands[command].params
    options = {option for parameter in taken for option in parameter.opts}
    assert {"--log-file", "--log-format"} <= options


@pytest.mark.parametrize("command", [*KEYS, "scenario", "serve"])
def test_help_has_an_example(command):
    shown = CliRunner().invoke(app, [command, "--help"]).stdout
    assert f"Example: liq-nautilus {command}" in shown


def test_what_a_command_without_a_log_of_its_own_does_is_logged(catalog, tmp_path):
    log = tmp_path / "deep" / "log.jsonl"
    arguments = ("--to", 90_000, "--within", "4h", "--log-file", log, "--log-format", "json")
    assert document("scenario", catalog, *arguments)["within"] == "4h"
    ended = json.loads(log.read_text("utf-8").splitlines()[-1])
    assert ended["message"].startswith("scenario ended after")
    assert ended["level"] == "INFO"


def test_brackets_of_a_file_reach_a_scenario(catalog, tmp_path):
    tier = {"bracket": 1, "initialLeverage": 150, "notionalCap": 1e12, "notionalFloor": 0}
    rows = [tier | {"maintMarginRatio": 0.02, "cum": 0.0}]
    path = tmp_path / "brackets.json"
    path.write_text(json.dumps([{"symbol": "BTCUSDT", "brackets": rows}]), "utf-8")
    words = ("--to", 90_000, "--within", "4h")
    strict = document("scenario", catalog, *words, "--brackets", path)["sides"]
    assert (
        strict["long"]["expected"]
        != document("scenario", catalog, *words)["sides"]["long"]["expected"]
    )


def test_a_log_is_kept_on_request(tmp_path):
    catalog = make_catalog(tmp_path, days=2)
    log = tmp_path / "log.jsonl"
    done = invoke("levels", catalog, "--log-file", log, "--log-format", "json")
    assert done.exit_code == 0
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert any("followed BTCUSDT" in line["message"] for line in lines)
