"""A server as a process of its own, for tests that need a real one."""

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def serving(catalog, *options, **environment):
    """Run a server of a catalog; yield its process and the lines it logs."""
    words = [sys.executable, "-c", "from liq_nautilus.cli import run; run()", "serve"]
    words += ["--catalog", str(catalog), "--log-format", "json", *options]
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)
    reader.start()
    try:
        yield process, lines
    finally:
        process.terminate()
        process.wait(timeout=30)
        reader.join(timeout=10)
        process.stderr.close()


def first_answer(port, path="/health", **options):
    """Ask until the server listens, and return its answer."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=60, **options)
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
