"""Settings of the tests as a whole."""

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
