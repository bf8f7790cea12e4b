from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from typing import ClassVar

import pytest
from support import fake_exchange
from support import venue_messages
from support.fake_exchange import FakeExchange
from support.fake_exchange import Rhythm
from typer.testing import CliRunner

from liq_nautilus.cli.live import describe
from liq_nautilus.cli.main import app
from liq_nautilus.errors import LiqNautilusError
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.live import node as node_module
from liq_nautilus.nautilus.live.binance_account import KEY_VARIABLES
from liq_nautilus.nautilus.live.live_options import LiveOptions
from liq_nautilus.nautilus.live.live_options import RecordingOptions
from liq_nautilus.nautilus.live.live_options import read_options
from liq_nautilus.nautilus.live.live_options import with_brackets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

EXAMPLE = Path(__file__).parents[3] / "backtests" / "live.json"


class StubNode:
    made: ClassVar[list[tuple[LiveOptions, bool]]] = []
    ran: ClassVar[list[str]] = []

    def __init__(self, options: LiveOptions, *, is_live: bool) -> None:
        self.made.append((options, is_live))

    def run(self, beside: object) -> None:
        self.ran.append("run" if beside is None else "watch")

    def dispose(self) -> None:
        self.ran.append("dispose")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> type[StubNode]:
    monkeypatch.setattr(node_module, "LiveNode", StubNode)
    monkeypatch.setattr(StubNode, "made", [])
    monkeypatch.setattr(StubNode, "ran", [])
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return StubNode


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "live.json"
    path.write_text('// a comment\n{\n  // another\n  "symbols": ["ETHUSDT"], "leverage": 7\n}\n')
    return str(path)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.setenv(name, "secret")


def test_the_example_is_a_sound_configuration():
    options = read_options(EXAMPLE)
    assert options.symbols == ["BTCUSDT"]
    assert options.recording == RecordingOptions("live/recording", 5, 600, 30)


def test_paper_runs_without_a_question(stub, config):
    result = CliRunner().invoke(app, ["live", config])
    assert result.exit_code == 0
    ((options, is_live),) = stub.made
    assert (options.symbols, options.leverage, is_live) == (["ETHUSDT"], 7, False)
    assert stub.ran == ["run", "dispose"]
    for line in ("account: paper, 100,000.00 USDT", "leverage: 7x", "symbols: ETHUSDT"):
        assert line in result.stderr


def test_a_watched_node_keeps_its_log_from_the_screen(stub, config):
    result = CliRunner().invoke(app, ["live", config, "--watch"])
    assert result.exit_code == 0
    assert stub.ran == ["watch", "dispose"]
    assert stub.made[0][0].log_level == "OFF"


@pytest.fixture
def venue() -> Iterator[FakeExchange]:
    running = FakeExchange(rhythm=Rhythm(0.0, 0.0, 0.0)).start()
    yield running
    running.stop()


@pytest.fixture
def live_config(tmp_path: Path, venue: FakeExchange) -> str:
    path = tmp_path / "real.json"
    http = {"http": venue.http_url}
    path.write_text(json.dumps({"symbols": ["BTCUSDT"], "leverage": 3, "endpoints": http}))
    return str(path)


def invoke_live(config: str, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["live", config, "--live", *arguments], input=answer)


@pytest.mark.parametrize("answer", ["", "y", "yes", "trade"])
def test_real_money_needs_the_word(stub, live_config, keys, venue, answer):
    venue.api_key, venue.balance = "secret", 4_321.25
    result = invoke_live(live_config, answer=f"{answer}\n")
    assert result.exit_code != 0
    assert stub.made == []
    asked = result.stderr.index("Type TRADE")
    for line in (
        "REAL MONEY",
        "balance 4,321.25 USDT",
        "leverage: 3x",
        "largest position: 2 times",
    ):
        assert 0 <= result.stderr.find(line) < asked


@pytest.mark.parametrize(("arguments", "answer"), [((), "TRADE\n"), (("--yes",), "")])
def test_with_the_word_or_yes_it_starts(stub, live_config, keys, venue, arguments, answer):
    venue.api_key = "secret"
    result = invoke_live(live_config, *arguments, answer=answer)
    assert result.exit_code == 0
    assert [is_live for _, is_live in stub.made] == [True]
    assert "Binance account: key ******, balance 1,234.50 USDT" in result.stderr
    assert "secret" not in result.stderr + result.stdout
    # What was asked for was signed.
    assert "signature=" in venue.requests[-1]


def test_a_wrong_key_is_told_in_one_line_before_any_question(stub, live_config, keys, venue):
    result = invoke_live(live_config, answer="TRADE\n")
    assert isinstance(result.exception, SettingError)
    message = str(result.exception)
    assert "Binance answered 401: Invalid API-key, IP, or permissions for action." in message
    assert "BINANCE_API_KEY and BINANCE_API_SECRET must be" in message
    assert "\n" not in message
    assert "Type" not in result.stderr
    assert stub.made == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_venue_that_does_not_answer_is_told(stub, live_config, keys, venue, status):
    venue.refuse(status)
    result = invoke_live(live_config, "--yes")
    assert isinstance(result.exception, LiqNautilusError)
    assert "must say whose account the keys open" in str(result.exception)
    assert stub.made == []


def test_an_account_that_may_not_trade_is_refused(stub, live_config, keys, venue, monkeypatch):
    venue.api_key = "secret"
    barred = {**venue_messages.account(1.0), "canTrade": False}
    monkeypatch.setattr(fake_exchange, "account", lambda _: barred)
    result = invoke_live(live_config, "--yes")
    assert "must be allowed to trade futures" in str(result.exception)
    assert stub.made == []


def test_real_money_needs_keys_before_any_question(stub, config):
    result = CliRunner().invoke(app, ["live", config, "--live", "--yes"])
    assert isinstance(result.exception, SettingError)
    assert "BINANCE_API_KEY and BINANCE_API_SECRET in the environment" in str(result.exception)
    assert stub.made == []


def test_what_runs_is_described():
    options = LiveOptions(
        symbols=["BTCUSDT"],
        trade=False,
        recording=RecordingOptions("somewhere", flush_secs=2.0),
    )
    text = describe(options, is_live=False)
    assert "largest position: none, nothing is traded" in text
    assert "recording: somewhere, a killed node loses at most the last 2 s" in text
    traded = describe(
        LiveOptions(symbols=["BTCUSDT"], strategy={"max_leverage": 1.5}), is_live=True
    )
    assert "largest position: 1.5 times the equity, per symbol" in traded
    assert "nothing is recorded" in traded


@pytest.mark.parametrize(
    ("document", "match"),
    [
        ({}, "symbols"),
        ({"symbols": []}, "at least one symbol"),
        ({"symbols": ["A", "A"]}, "symbols must differ"),
        ({"symbols": ["AUSDT"], "leverage": 0}, "leverage must be above 0"),
        ({"symbols": ["AUSDT"], "balance": -1.0}, "balance must be above 0"),
        ({"symbols": ["AUSDT"], "warm_up_days": -1.0}, "warm_up_days must be at least 0"),
        ({"symbols": ["AUSDT"], "recording": {"path": "x", "flush_secs": 0}}, "flush_secs"),
        ({"symbols": ["AUSDT"], "simbols": 1}, "simbols"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path, document, match):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SettingError, match=match):
        read_options(path)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(SettingError, match="CONFIG must be a readable JSON file"):
        read_options(tmp_path / "none.json")
    path = tmp_path / "x.json"
    path.write_text("{")
    with pytest.raises(SettingError, match="CONFIG must hold the settings of a live node"):
        read_options(path)


def brackets_file(path: Path, symbol: str) -> Path:
    row = {"initialLeverage": 20, "notionalCap": 1e12, "notionalFloor": 0, "cum": 0}
    document = [{"symbol": symbol, "brackets": [row | {"maintMarginRatio": 0.03}]}]
    path.write_text(json.dumps(document))
    return path


def test_brackets_of_the_command_line_reach_map_and_paper_account(tmp_path: Path):
    options = LiveOptions(
        symbols=["SOLUSDT"], actor={"publish": True}, settlement={"funding": True}
    )
    assert with_brackets(options, None) == options
    file = brackets_file(tmp_path / "brackets.json", "SOLUSDT")
    found = with_brackets(options, file)
    assert found.actor == {"publish": True, "brackets_path": str(file)}
    assert found.settlement == {"funding": True, "brackets_path": str(file)}


def test_brackets_without_the_symbol_are_told(tmp_path: Path):
    config = tmp_path / "live.json"
    config.write_text(json.dumps({"symbols": ["ETHUSDT"]}))
    file = brackets_file(tmp_path / "brackets.json", "SOLUSDT")
    found = CliRunner().invoke(app, ["live", str(config), "--brackets", str(file)])
    assert (found.exit_code, found.stdout) == (1, "")
    assert isinstance(found.exception, SettingError)
    assert "with ETHUSDT" in str(found.exception)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bar": "7m"}, "bar must be one of 1m, 3m, 5m"),
        ({"bar": "1w"}, "bar must be one of"),
        ({"leverage": 151}, "leverage must be at most 150, was 151"),
        ({"actor": {"publish_rage": 0.2}}, "actor's settings .* unknown field `publish_rage`"),
        ({"strategy": {"max_leverage": "2"}}, "strategy's settings .* Expected `float`"),
        ({"strategy": {"fast_period": 9, "slow_period": 9}}, "slow_period must be above 9, was 9"),
        ({"settlement": {"margin": "isolatd"}}, "settlement's settings .* 'isolatd'"),
        ({"alerts": {"distance": "near"}}, "alerts's settings .* Expected `float`"),
    ],
)
def test_a_wrong_setting_gets_one_line_before_anything_is_made(stub, tmp_path, wrong, message):
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({"symbols": ["BTCUSDT"], **wrong}))
    result = CliRunner().invoke(app, ["live", str(path)])
    assert isinstance(result.exception, SettingError)
    assert re.search(message, str(result.exception))
    assert "\n" not in str(result.exception)
    assert stub.made == []


def test_a_period_that_is_given_alone_is_sound(stub, tmp_path):
    path = tmp_path / "periods.json"
    path.write_text(json.dumps({"symbols": ["BTCUSDT"], "strategy": {"fast_period": 300}}))
    assert CliRunner().invoke(app, ["live", str(path)]).exit_code == 0
    assert len(stub.made) == 1
