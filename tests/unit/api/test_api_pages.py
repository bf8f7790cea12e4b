"""The pages in a real browser: what they draw, and that zooming in fetches finer columns."""

import json
import re
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest
from support.query_catalog import make_catalog
from support.server import first_answer
from support.server import free_port
from support.server import serving
from websockets.sync.client import connect

from liq_nautilus.queries import asking

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
QUIET = ("--no-first-run", "--disable-background-networking", "--disable-sync", "--disable-quic")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    catalog = make_catalog(tmp_path_factory.mktemp("pages"), days=3)
    asking.heatmap(catalog)
    port = free_port()
    with serving(catalog, "--port", str(port)):
        first_answer(port, "/figures/heatmap")
        yield f"http://127.0.0.1:{port}"


class Tab:
    """A page of the browser, asked over its debugging socket."""

    def __init__(self, socket):
        self._socket = socket
        self._number = 0
        self.errors = []
        self.call("Runtime.enable")

    def call(self, method, **parameters):
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(message["params"])
            if message.get("id") == self._number:
                return message["result"]

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression)["result"].get("value")

    def wait_for(self, expression):
        deadline = time.monotonic() + 60
        while not self.value(expression):
            assert time.monotonic() < deadline, expression
            time.sleep(0.1)


@contextmanager
def tab(url, folder, size):
    command = [BROWSER, *FLAGS, *QUIET, f"--user-data-dir={folder}", f"--window-size={size}"]
    command += ["--remote-debugging-port=0", url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as browser:
        try:
            found = None
            while found is None:
                found = re.search(r"ws://([\d.:]+)/", browser.stderr.readline())
            import httpx

            pages = httpx.get(f"http://{found[1]}/json").json()
            page = next(page for page in pages if page["type"] == "page")
            with connect(page["webSocketDebuggerUrl"], max_size=None) as socket:
                yield Tab(socket)
        finally:
            browser.kill()


@pytest.mark.parametrize("size", ["1280,900", "500,844"])
@pytest.mark.parametrize("path", ["/", "/map", "/compare"])
def test_a_page_is_drawn_and_fits_its_width(address, tmp_path, path, size):
    with tab(address + path, tmp_path, size) as page:
        page.wait_for("document.getElementById('figure')?.dataset.drawn === 'yes'")
        said = page.value("document.getElementById('said').textContent")
        assert "exact formula, brackets of BTCUSDT" in said
        assert page.value("document.documentElement.scrollWidth <= innerWidth")
        assert page.value("document.querySelectorAll('.main-svg').length") > 0
        assert page.errors == []


def test_zooming_in_fetches_finer_columns(address, tmp_path):
    with tab(f"{address}/", tmp_path, "1280,900") as page:
        page.wait_for("document.getElementById('figure')?.dataset.drawn === 'yes'")
        step = int(page.value("place.dataset.step"))
        low, high = "2026-01-02T00:00", "2026-01-02T04:00"
        zoom = f"{{'xaxis.range': ['{low}', '{high}'], 'yaxis.range': [90000, 110000]}}"
        page.value(f"void Plotly.relayout(place, {zoom})")
        page.wait_for(f"Number(place.dataset.step) < {step}")
        shown = page.value("place.layout.xaxis.range.join()")
        assert shown.startswith("2026-01-02")
        assert page.value("place.layout.yaxis.range.join()") == "90000,110000"
        page.value("void Plotly.relayout(place, {'xaxis.autorange': true})")
        page.wait_for(f"Number(place.dataset.step) === {step}")
        assert page.errors == []
