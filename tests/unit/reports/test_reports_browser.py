"""The page in a real browser: its colours, its price line, its script."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liq_nautilus.reports import pages

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--virtual-time-budget=20000",
    "--enable-logging=stderr",
)


def browse(page: Path, folder: Path, *arguments: str) -> tuple[str, list[str]]:
    """Open a page; return the standard output and the console's lines."""
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    done = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def report(made_up_run, tmp_path_factory):
    # A small first view, so that there is something finer to zoom into.
    patch = pytest.MonkeyPatch()
    patch.setattr(pages, "_COARSE_COLUMNS", 100)
    path = tmp_path_factory.mktemp("browser") / "report.html"
    pages.write_report(made_up_run, path)
    patch.undo()
    return path


def near(pixels: np.ndarray, colour: tuple[int, int, int], tolerance: int = 12) -> np.ndarray:
    return (np.abs(pixels.astype(np.int16) - colour) <= tolerance).all(axis=2)


def test_desktop_page_shows_the_colours_and_the_price_line(report, tmp_path):
    picture = tmp_path / "page.png"
    _, console = browse(report, tmp_path, f"--screenshot={picture}", "--window-size=1360,3200")
    assert console == []
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    assert near(pixels, (13, 17, 23)).mean() > 0.15
    top = pixels[:1000]
    purple = near(top, (68, 1, 84))
    assert purple.mean() > 0.05
    for colour in ((59, 82, 139), (33, 145, 140), (253, 231, 37)):
        assert near(top, colour).sum() > 100, colour
    assert_price_line(top, purple)
    lower = pixels[1000:]
    for colour in ((217, 2, 75), (69, 191, 135), (240, 185, 11)):
        assert near(lower, colour).sum() > 100, colour


def assert_price_line(pixels: np.ndarray, purple: np.ndarray) -> None:
    # The line is white, on the map, in nearly every column, but with gaps: it is dashed.
    rows, columns = np.nonzero(purple)
    window = np.s_[rows.min() : rows.max(), columns.min() : columns.max() - 260]
    white = near(pixels[window], (255, 255, 255), 60)
    share = white.any(axis=0).mean()
    assert 0.5 < share < 0.999
    assert white.sum(axis=0).max() < 200


def probed(report: Path, folder: Path, script: str) -> Path:
    """Return a copy of the page that runs a script when all figures are drawn."""
    path = folder / "probed.html"
    waiting = (
        "const probe = setInterval(async () => {"
        "  const places = [...document.querySelectorAll('.figure')];"
        "  if (!places.every((place) => place.dataset.drawn)) return;"
        f"  clearInterval(probe); {script}"
        "}, 20);"
    )
    text = report.read_text(encoding="utf-8")
    path.write_text(text.replace("</body>", f"<script>{waiting}</script></body>"), "utf-8")
    return path


def test_zooming_in_shows_finer_data_and_out_the_first_view(report, tmp_path):
    probe = probed(
        report,
        tmp_path,
        """
        const map = document.getElementById("heatmap"), seen = [];
        const look = () => seen.push([map.dataset.resolution, map.data[0].dx / 6e4,
          map._fullData[0].z.length, map._fullData[0].z[0].length].join(","));
        const [left, right] = map.layout.xaxis.range.map(milliseconds);
        const part = (share) => new Date(left + share * (right - left)).toISOString().slice(0, 19);
        look();
        await Plotly.relayout(map, {"xaxis.range": [part(0.5), part(0.7)]}); look();
        await Plotly.relayout(map, {"xaxis.range": [part(0), part(1)]}); look();
        const [low, high] = map.layout.yaxis.range;
        await Plotly.relayout(map, {"yaxis.range": [low, low + (high - low) / 4]}); look();
        document.body.dataset.seen = seen.join(";");
        """,
    )
    output, console = browse(probe, tmp_path, "--window-size=1360,2600", "--dump-dom")
    assert console == []
    first, close, back, low = output.split('data-seen="')[1].split('"')[0].split(";")
    assert first == ",30,140,100"
    assert close == "fine,15,140,42"
    assert back == "coarse,30,140,100"
    assert low == "fine,15,36,199"


def test_phone_page_fits_its_width(report, tmp_path):
    frame = tmp_path / "frame.html"
    probe = probed(
        report,
        tmp_path,
        "document.title = ''; parent.postMessage([document.documentElement.scrollWidth,"
        " innerWidth, ...places.map((p) => p.querySelector('.main-svg').clientWidth)], '*');",
    )
    frame.write_text(
        "<body style='margin:0'><script>onmessage = (e) => { document.body.dataset.seen ="
        " e.data.join(' '); }</script>"
        f"<iframe src='{probe.as_uri()}' style='width:390px;height:3000px;border:0'></iframe>",
        "utf-8",
    )
    output, console = browse(frame, tmp_path, "--window-size=500,3000", "--dump-dom")
    assert console == []
    seen = output.split('data-seen="')[1].split('"')[0]
    width, inner, *figures = (int(value) for value in seen.split())
    assert inner == 390
    assert width <= 390
    assert all(0 < figure <= 390 for figure in figures)
