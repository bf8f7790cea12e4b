"""Settings of the tests as a whole."""

import os
import tempfile

import pytest
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis.internal.conjecture import providers

# The machine may be busy, and the first call of a kernel compiles it: time is no property here.
# Examples are the same in every run, so that a failure is about the change at hand.
settings.register_profile(
    "project",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("project")
# Hypothesis also draws constants from the modules that happen to be loaded, which depends on the
# tests that ran before in the same process: the same examples in every run need none of them.
providers._get_local_constants = providers.Constants


@pytest.fixture(autouse=True, scope="session")
def _cache_of_the_tests():
    """Keep what Nautilus says of its encoding out of the user's own cache."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIQ_NAUTILUS_CACHE", folder)
        yield


@pytest.fixture(autouse=True)
def _settings_stay_with_their_test():
    """Forget what a command has read from a `.env` file into this process."""
    before = {name: value for name, value in os.environ.items() if name.startswith("LIQ_")}
    yield
    for name in [name for name in os.environ if name.startswith("LIQ_")]:
        if name not in before:
            del os.environ[name]
    os.environ.update(before)
