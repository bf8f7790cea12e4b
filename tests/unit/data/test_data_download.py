import dataclasses
import hashlib
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer

import numpy as np
import pytest

from liq_nautilus.data.files.download import DOWNLOADED
from liq_nautilus.data.files.download import FAILED
from liq_nautilus.data.files.download import MISSING
from liq_nautilus.data.files.download import PRESENT
from liq_nautilus.data.files.download import RETRY_SECONDS
from liq_nautilus.data.files.download import Transfer
from liq_nautilus.data.files.download import download
from liq_nautilus.data.files.download import dump_files
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError

DAY = 86_400_000_000_000
CONTENT = bytes(range(256)) * 4096


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


class Dump:
    """A server of files that misbehaves as told: address suffix -> list of faults, used up."""

    def __init__(self) -> None:
        self.faults: dict[str, list[str]] = {}
        self.missing: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.most_at_once = self.now = 0
        self.lock = threading.Lock()

    def fault(self, path: str) -> str:
        with self.lock:
            self.asked[path] += 1
            for end, faults in self.faults.items():
                if path.endswith(end) and faults:
                    return faults.pop(0)
        return ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    dump: Dump

    def log_message(self, *_args) -> None:
        pass

    def do_GET(self) -> None:
        with self.dump.lock:
            self.dump.now += 1
            self.dump.most_at_once = max(self.dump.most_at_once, self.dump.now)
        try:
            self.answer()
        finally:
            with self.dump.lock:
                self.dump.now -= 1

    def answer(self) -> None:
        fault = self.dump.fault(self.path)
        if any(name in self.path for name in self.dump.missing):
            self.send_error(404)
        elif fault == "fail":
            self.send_error(503)
        elif self.path.endswith(".CHECKSUM"):
            digest = hashlib.sha256(CONTENT).hexdigest()
            text = "" if fault == "empty" else f"{digest}  {self.path.rpartition('/')[2][:-9]}\n"
            self.send(text.encode())
        else:
            self.send_content(fault)

    def send_content(self, fault: str) -> None:
        start = 0
        if self.headers["Range"]:
            self.dump.ranges.append(self.headers["Range"])
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        if fault == "corrupt":
            body = b"\x00" * len(body)
        self.send(body, 206 if start else 200, fault)

    def send(self, body: bytes, status: int = 200, fault: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "truncate":
            body = body[: len(body) // 2]
            self.close_connection = True
        if fault == "stall":
            self.wfile.write(body[:1000])
            self.wfile.flush()
            time.sleep(2.5)
            self.close_connection = True
            return
        time.sleep(0.02)
        self.wfile.write(body)


@pytest.fixture
def served():
    dump = Dump()
    handler = type("BoundHandler", (Handler,), {"dump": dump})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    dump.url = f"http://127.0.0.1:{server.server_address[1]}/data/"
    yield dump
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def transfer(served, waits):
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return Transfer(served.url, n_at_once=3, timeout=60.0, sleep=sleep)


def impatient(transfer: Transfer, fault: str) -> Transfer:
    # Only who waits for a stalled server must not wait long.
    return dataclasses.replace(transfer, timeout=1.0) if fault == "stall" else transfer


def metrics(days: int):
    return dump_files("BTCUSDT", ["metrics"], ns("2025-01-01"), ns("2025-01-01") + days * DAY)


def test_files_come_verified_in_the_layout_of_the_dump(served, transfer, tmp_path):
    seen: list[tuple[int, str | None]] = []
    files = metrics(7)
    outcomes = download(files, tmp_path, transfer, lambda n, name: seen.append((n, name)))
    assert [outcome.state for outcome in outcomes] == [DOWNLOADED] * 7
    path = tmp_path / "futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2025-01-03.zip"
    assert path.read_bytes() == CONTENT
    assert sum(n for n, _ in seen) == 7 * len(CONTENT)
    assert sorted(name for _, name in seen if name) == [file.name for file in files]
    assert 1 < served.most_at_once <= 3
    assert not list(tmp_path.rglob("*.part"))


def test_second_run_asks_for_nothing(served, transfer, tmp_path):
    download(metrics(3), tmp_path, transfer)
    served.asked.clear()
    assert {outcome.state for outcome in download(metrics(3), tmp_path, transfer)} == {PRESENT}
    assert not served.asked


@pytest.mark.parametrize("fault", ["truncate", "stall"])
def test_broken_transfer_goes_on_where_it_ended(served, transfer, waits, tmp_path, fault):
    served.faults["01-02.zip"] = [fault]
    outcomes = download(metrics(3), tmp_path, impatient(transfer, fault))
    assert [outcome.state for outcome in outcomes] == [DOWNLOADED] * 3
    assert waits[0] == 1.0
    assert len(served.ranges) >= 1
    assert (tmp_path / outcomes[1].file.address).read_bytes() == CONTENT


def test_later_run_goes_on_where_an_earlier_was_ended(served, transfer, tmp_path):
    (file,) = metrics(1)
    part = tmp_path / f"{file.address}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:5000])
    assert download([file], tmp_path, transfer)[0].state == DOWNLOADED
    assert served.ranges == ["bytes=5000-"]
    assert (tmp_path / file.address).read_bytes() == CONTENT


def test_part_that_is_all_there_only_needs_its_checksum(served, transfer, tmp_path):
    (file,) = metrics(1)
    part = tmp_path / f"{file.address}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)
    assert download([file], tmp_path, transfer)[0].state == DOWNLOADED
    assert (tmp_path / file.address).read_bytes() == CONTENT


@pytest.mark.parametrize("fault", ["corrupt", "fail"])
def test_damage_and_failure_are_tried_again_after_1_2_4_seconds(
    served, transfer, waits, tmp_path, fault
):
    served.faults["01-01.zip"] = [fault] * 3
    (outcome,) = download(metrics(1), tmp_path, transfer)
    assert outcome.state == DOWNLOADED
    assert waits == list(RETRY_SECONDS) == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("fault", "what"),
    [("corrupt", "sha256 must be"), ("fail", "server answered 503"), ("stall", "ReadTimeout")],
)
def test_file_that_never_comes_right_fails_and_the_rest_comes(
    served, transfer, tmp_path, fault, what
):
    served.faults["01-02.zip"] = [fault] * 99
    outcomes = download(metrics(3), tmp_path, impatient(transfer, fault))
    assert [outcome.state for outcome in outcomes] == [DOWNLOADED, FAILED, DOWNLOADED]
    assert what in outcomes[1].what
    assert "4 times" in outcomes[1].what
    assert not (tmp_path / outcomes[1].file.address).exists()


def test_checksum_file_must_make_sense(served, transfer, tmp_path):
    served.faults[".CHECKSUM"] = ["empty"] * 9
    (outcome,) = download(metrics(1), tmp_path, transfer)
    assert (outcome.state, "CHECKSUM" in outcome.what) == (FAILED, True)


@pytest.mark.parametrize("day", [1, 2, 3])
def test_file_without_its_checksum_file_is_said_to_lack_it(served, transfer, waits, tmp_path, day):
    served.missing.add(f"2025-01-0{day}.zip.CHECKSUM")
    outcomes = download(metrics(3), tmp_path, transfer)
    states = [DOWNLOADED] * 3
    states[day - 1] = FAILED
    assert [outcome.state for outcome in outcomes] == states
    assert "its .CHECKSUM is missing, so it cannot be verified" in outcomes[day - 1].what
    assert waits == []


def test_missing_days_are_reported_without_retry(served, transfer, waits, tmp_path):
    served.missing.add("2025-01-02")
    outcomes = download(metrics(3), tmp_path, transfer)
    assert [outcome.state for outcome in outcomes] == [DOWNLOADED, MISSING, DOWNLOADED]
    assert waits == []


def test_month_that_is_not_there_is_fetched_day_by_day(served, transfer, tmp_path):
    served.missing.add("monthly")
    served.missing.add("2025-02-28")
    files = dump_files("BTCUSDT", ["klines-5m"], ns("2025-02-01"), ns("2025-03-01"))
    assert [file.address for file in files] == [
        "futures/um/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2025-02.zip"
    ]
    outcomes = download(files, tmp_path, transfer)
    assert len(outcomes) == 28
    assert [o.file.name for o in outcomes if o.state == MISSING] == ["BTCUSDT-5m-2025-02-28.zip"]
    rates = dump_files("BTCUSDT", ["fundingRate"], ns("2025-02-01"), ns("2025-03-01"))
    assert [o.state for o in download(rates, tmp_path, transfer)] == [MISSING]


def test_server_that_is_not_there_fails_in_words(tmp_path, waits):
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    transfer = Transfer("http://127.0.0.1:9/data", timeout=1, sleep=sleep)
    (outcome,) = download(metrics(1), tmp_path, transfer)
    assert outcome.state == FAILED
    assert "ConnectError" in outcome.what


def test_folder_that_cannot_be_written_is_refused(served, transfer, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StoreError, match="must be a folder that can be written"):
        download(metrics(1), tmp_path / "out", transfer)


@pytest.mark.parametrize(
    ("symbol", "kind", "start", "end", "addresses"),
    [
        (
            "BTCUSDT",
            "aggTrades",
            "2025-01-31T12:00",
            "2025-03-02",
            [
                "um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-01-31.zip",
                "um/monthly/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-02.zip",
                "um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-03-01.zip",
            ],
        ),
        (
            "BTCUSD_PERP",
            "fundingRate",
            "2025-01-15",
            "2025-02-02",
            [
                "cm/monthly/fundingRate/BTCUSD_PERP/BTCUSD_PERP-fundingRate-2025-01.zip",
                "cm/monthly/fundingRate/BTCUSD_PERP/BTCUSD_PERP-fundingRate-2025-02.zip",
            ],
        ),
    ],
)
def test_window_decides_the_files(symbol, kind, start, end, addresses):
    files = dump_files(symbol, [kind], ns(start), ns(end))
    assert [file.address for file in files] == [f"futures/{address}" for address in addresses]


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("candles", "--kind must be one of"),
        ("liquidations-1h", "--kind must be one of"),
        ("klines", "written like klines-5m"),
        ("metrics-5m", "written like metrics"),
        ("klines-7m", "one of the intervals 1s, 1m, .*, was 7m"),
    ],
)
def test_unknown_kind_is_refused(kind, match):
    with pytest.raises(SettingError, match=match):
        dump_files("BTCUSDT", [kind], 0, DAY)
