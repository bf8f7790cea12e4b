"""
Take the README's pictures from a demo's report with a headless Chromium.

    uv run python scripts/screenshots.py [DEMO_FOLDER]

Without a folder the demo runs first, into a temporary one. The pictures go to .github/images.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final

from PIL import Image

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

IMAGES: Final = Path(__file__).resolve().parents[1] / ".github" / "images"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
LARGEST_BYTES: Final = 300_000
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--virtual-time-budget=20000",
)


def main() -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"one of {', '.join(BROWSERS)} must be installed, none was found")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = Path(sys.argv[1]) if len(sys.argv) > 1 else run_demo(folder / "demo")
        pages = write_pages(demo, folder)
        take(browser, demo / "report.html", "report.png", (1360, 1060))
        take(browser, pages["map"], "liquidation-map.png", (1200, 500))
        take(browser, pages["comparison"], "models.png", (1200, 780))
        take(browser, phone_page(demo / "report.html", folder), "phone.png", (500, 900), width=390)


def run_demo(out: Path) -> Path:
    subprocess.run(  # noqa: S603 - this very program
        [sys.executable, "-c", "from liq_nautilus.cli import run; run()", "demo", "--out", out],
        check=True,
    )
    return out


def write_pages(demo: Path, folder: Path) -> dict[str, Path]:
    """Write a page for each single figure of a report."""
    from liq_nautilus.nautilus.backtest.results import read_run
    from liq_nautilus.reports.pages import report_figures
    from liq_nautilus.reports.pages import report_grid

    result = read_run(demo)
    figures = report_figures(result, report_grid(result))
    return {name: write_page(name, figure, folder) for name, figure in figures.items()}


def write_page(name: str, figure: Figure, folder: Path) -> Path:
    from liq_nautilus.reports.pages import render_page

    path = folder / f"{name}.html"
    body = f'<div class="figure" id="{name}"></div><style>main {{ padding: 8px }}</style>'
    path.write_text(render_page(name, body, {name: figure}), encoding="utf-8")
    return path


def phone_page(report: Path, folder: Path) -> Path:
    """Write a page that shows the report's heatmap in a frame as wide as a phone."""
    path = folder / "phone.html"
    path.write_text(
        "<body style='margin:0'><iframe style='width:390px;height:900px;border:0' "
        f"src='{report.resolve().as_uri()}#heatmap'></iframe>",
        encoding="utf-8",
    )
    return path


def take(
    browser: str, page: Path, name: str, size: tuple[int, int], width: int | None = None
) -> None:
    """Take a picture of a page, with few enough colours to stay small."""
    path = IMAGES / name
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(  # noqa: S603 - the browser found above
            [
                browser,
                *FLAGS,
                f"--user-data-dir={profile}",
                f"--screenshot={path}",
                f"--window-size={size[0]},{size[1]}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
        )
    picture = Image.open(path).convert("RGB")
    picture = picture.crop((0, 0, width or size[0], size[1]))
    picture.quantize(colors=256, dither=Image.Dither.NONE).save(path, optimize=True)
    n_bytes = path.stat().st_size
    print(f"{path.relative_to(IMAGES.parents[1])}: {n_bytes:,} bytes")
    if n_bytes > LARGEST_BYTES:
        sys.exit(f"{name} must be at most {LARGEST_BYTES:,} bytes, was {n_bytes:,}")


if __name__ == "__main__":
    main()
