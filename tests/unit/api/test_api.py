"""The answers over HTTP: equal documents, each refusal, kept answers, nothing to be broken."""

import base64
import json

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from support.query_catalog import START_NS
from support.query_catalog import make_catalog
from typer.testing import CliRunner

import liq_nautilus
from liq_nautilus.api import desk as desks
from liq_nautilus.api.app import create_app
from liq_nautilus.api.settings import ServerSettings
from liq_nautilus.api.settings import is_loopback
from liq_nautilus.api.settings import settings_from
from liq_nautilus.cli.main import app as commands
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.queries import asking
from liq_nautilus.queries.time_windows import Window
from liq_nautilus.queries.time_windows import moment_ns

PATHS = {
    "/liquidations/levels": "levels",
    "/liquidations/heatmap": "heatmap",
    "/liquidations/history": "history",
    "/liquidations/compare-models": "compare",
    "/liquidations/forecast": "forecast",
    "/trading/signals": "signals",
}


FIGURES = ("heatmap", "map", "compare")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    made = make_catalog(tmp_path_factory.mktemp("served"), days=3)
    # Followed here: a process of its own takes seconds to start.
    asking.heatmap(made)
    return made


def client_of(catalog, **told):
    app = create_app(ServerSettings(catalog, **told))
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(catalog):
    with client_of(catalog) as found:
        yield found


@pytest.mark.parametrize("path", PATHS)
def test_paths_answer_with_the_documents_of_the_command_line(client, catalog, path):
    reply = client.get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == json.loads(getattr(liq_nautilus, PATHS[path])(catalog).to_json())


def test_parameters_reach_the_question(client, catalog):
    at = "2026-01-02T05:00:00Z"
    query = {"symbol": "BTCUSDT", "model": "binance_standard", "leverage": 25, "at": at}
    found = client.get("/liquidations/levels", params=query).json()
    asked = asking.levels(catalog, "BTCUSDT", "binance_standard", leverage=25.0, at=at)
    assert found == json.loads(asked.to_json())
    query = {"timeframe": "1d", "resolution": "4h", "price_low": 95_000, "rows": 20}
    found = client.get("/liquidations/heatmap", params=query).json()
    window = Window("1d", resolution="4h", price_low=95_000.0, rows=20)
    assert found == json.loads(asking.heatmap(catalog, window=window).to_json())
    found = client.get("/liquidations/history", params={"aggregate": "1d"}).json()
    assert found["events"] == asking.history(catalog, aggregate="1d").document()["events"]


@pytest.mark.parametrize(
    ("path", "query", "status", "match"),
    [
        ("/liquidations/levels", {"model": "oracle"}, 422, "ensemble"),
        ("/liquidations/levels", {"symbol": "../../etc"}, 422, "pattern"),
        ("/liquidations/levels", {"symbol": "DOGEUSDT"}, 404, "must hold data of DOGEUSDT"),
        ("/liquidations/levels", {"leverage": 51}, 422, "--leverage must be one of"),
        ("/liquidations/levels", {"at": "soon"}, 422, "must be an ISO 8601 time"),
        ("/liquidations/levels", {"at": "2020-01-01"}, 404, "there was none"),
        ("/liquidations/levels", {"at": "9999-01-01"}, 422, "between 1970 and"),
        ("/liquidations/levels", {"at": "1" * 41}, 422, "40 characters"),
        ("/liquidations/heatmap", {"rows": 100_000}, 422, "1000"),
        ("/liquidations/heatmap", {"resolution": "1m"}, 422, "at most 3,000 columns"),
        ("/liquidations/heatmap", {"end": "2020-01-01"}, 404, "there was none"),
        ("/liquidations/history", {"limit": 1_000_000}, 422, "10000"),
        ("/liquidations/history", {"start": "2026-01-02", "end": "2026-01-01"}, 422, "--end must"),
        ("/nowhere", {}, 404, "Not Found"),
    ],
)
def test_refusals_have_a_status_and_a_reason(client, catalog, path, query, status, match):
    reply = client.get(path, params=query)
    assert reply.status_code == status
    text = json.dumps(reply.json()["detail"])
    assert match in text
    assert str(catalog) not in text


def test_answers_are_named_and_not_sent_twice(client):
    first = client.get("/liquidations/levels")
    again = client.get("/liquidations/levels")
    assert first.headers["etag"] == again.headers["etag"]
    assert first.content == again.content
    named = {"If-None-Match": first.headers["etag"]}
    unchanged = client.get("/liquidations/levels", headers=named)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    other = client.get("/liquidations/levels", params={"model": "funding_adjusted"})
    assert other.headers["etag"] != first.headers["etag"]


def test_new_data_is_served_within_a_second(tmp_path, monkeypatch):
    monkeypatch.setattr(desks, "_LOOK_SECONDS", 0.0)
    catalog = make_catalog(tmp_path, days=1)
    with client_of(catalog) as client:
        before = client.get("/liquidations/history")
        make_catalog(tmp_path, days=2, seed=1)
        after = client.get("/liquidations/history")
        assert len(after.json()["events"]) > len(before.json()["events"])
        assert before.headers["etag"] != after.headers["etag"]


def test_an_equal_question_is_made_once(client, monkeypatch):
    made = []
    whole = asking.history
    monkeypatch.setattr(asking, "history", lambda *a, **o: made.append(o) or whole(*a, **o))
    for _ in range(3):
        assert client.get("/liquidations/history", params={"limit": 7}).status_code == 200
    assert len(made) == 1


def test_a_failure_to_read_is_tried_again_and_then_told(catalog, monkeypatch):
    tried = []

    def broken(*arguments, **options):
        tried.append(arguments)
        msg = f"{catalog}/x must be a sound file"
        raise StoreError(msg)

    monkeypatch.setattr(asking, "history", broken)
    with client_of(catalog, waits_seconds=(0.0, 0.01, 0.0)) as client:
        reply = client.get("/liquidations/history")
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "30"
    assert reply.json()["detail"] == "the catalog/x must be a sound file"
    assert len(tried) == 4
    assert ServerSettings(catalog).waits_seconds == (1.0, 2.0, 4.0)


def test_a_map_that_takes_long_is_not_waited_for(tmp_path):
    catalog = make_catalog(tmp_path, days=1)
    with client_of(catalog, patience_seconds=0.0) as client:
        reply = client.get("/liquidations/heatmap")
        assert reply.status_code == 503
        assert reply.headers["retry-after"] == "10"
        assert "is being computed" in reply.json()["detail"]
        assert client.get("/health").status_code == 200
        client.app.state.desk.following._running.popitem()[1].join()
        assert client.get("/liquidations/heatmap").status_code == 200


def test_a_token_is_asked_for(catalog):
    with client_of(catalog, token="secret") as client:
        assert client.get("/health").status_code == 401
        for wrong in ("Bearer other", "Basic !!", "secret", "Bearer "):
            reply = client.get("/health", headers={"Authorization": wrong})
            assert reply.status_code == 401
            assert "Basic" in reply.headers["www-authenticate"]
        basic = base64.b64encode(b"anyone:secret").decode()
        for right in ("Bearer secret", f"Basic {basic}"):
            reply = client.get("/health", headers={"Authorization": right})
            assert reply.status_code == 200


def test_health_says_how_old_each_input_is(client, tmp_path):
    document = client.get("/health").json()
    assert document["status"] == "ok"
    kinds = {entry["kind"]: entry for entry in document["inputs"]}
    assert {"klines-5m", "metrics", "fundingRate"} <= kinds.keys()
    assert kinds["metrics"]["newest"] == "2026-01-03T23:55:00Z"
    assert kinds["metrics"]["age_seconds"] > 0
    with client_of(tmp_path / "nothing") as empty:
        assert empty.get("/health").json()["status"] == "empty"
        assert empty.get("/liquidations/levels").status_code == 404


def test_other_sites_may_not_ask(client):
    reply = client.get("/health", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in reply.headers
    assert client.get("/").headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("name", FIGURES)
def test_pages_and_their_figures_are_there(client, name):
    page = client.get("/" if name == "heatmap" else f"/{name}")
    assert page.status_code == 200
    assert f'data-name="{name}"' in page.text
    assert "<option>BTCUSDT</option>" in page.text
    assert "@" not in page.text.replace("@media", "")
    figure = client.get(f"/figures/{name}").json()
    assert figure.keys() >= {"data", "layout"}
    for asset in ("plotly.js", "fitted.js", "live.js", "page.css"):
        assert client.get(f"/assets/{asset}").status_code == 200


def test_the_script_is_short(client):
    assert len(client.get("/assets/live.js").text.splitlines()) < 100


def test_a_foreign_name_for_this_machine_is_refused(client):
    reply = client.get("/health", headers={"Host": "rebound.example"})
    assert reply.status_code == 421
    assert "only a loopback address" in reply.json()["detail"]


SHOWN = {"Authorization": "Bearer shown"}


@pytest.fixture(scope="module")
def described(catalog):
    app = create_app(ServerSettings(catalog, token="shown"))
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=SHOWN)


def ask_anything(described, path, n_examples):
    @given(case=described[path]["GET"].as_strategy())
    @settings(max_examples=n_examples, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case):
        reply = case.call(headers=SHOWN, timeout=120)
        assert reply.status_code < 500, reply.text

    ask()


@pytest.mark.parametrize("path", [*PATHS, "/health", "/figures/heatmap", "/figures/map"])
def test_no_question_breaks_the_server(described, path):
    ask_anything(described, path, 6)


@pytest.mark.slow
@pytest.mark.parametrize("path", [*PATHS, "/figures/heatmap", "/figures/map", "/figures/compare"])
def test_no_question_of_very_many_breaks_the_server(described, path):
    ask_anything(described, path, 150)


def test_every_path_is_described(described):
    assert set(described) == {*PATHS, "/health", *(f"/figures/{name}" for name in FIGURES)}


def test_settings_come_from_the_environment(tmp_path):
    found = settings_from({"LIQ_NAUTILUS_CATALOG": "there", "LIQ_NAUTILUS_MODEL_WEIGHTS": "1,0,0"})
    assert str(found.catalog) == "there"
    assert found.token == ""
    assert found.parameters.model_weights == (1.0, 0.0, 0.0)
    with pytest.raises(SettingError, match="--model-weights must be 3 shares"):
        settings_from({"LIQ_NAUTILUS_MODEL_WEIGHTS": "1"})
    assert is_loopback("::1")
    assert not is_loopback("example.com")


def test_serve_needs_a_token_for_other_than_loopback(catalog, monkeypatch):
    monkeypatch.delenv("LIQ_NAUTILUS_TOKEN", raising=False)
    words = ["serve", "--catalog", str(catalog), "--host", "0.0.0.0"]
    done = CliRunner().invoke(commands, words)
    assert isinstance(done.exception, SettingError)
    assert "without LIQ_NAUTILUS_TOKEN" in str(done.exception)


def test_the_moment_bounds_are_those_of_nanoseconds():
    assert moment_ns("2026-01-01") == START_NS
    with pytest.raises(SettingError, match="between 1970 and"):
        moment_ns("1900-01-01")
