"""One catalog for all tests that only ask."""

import pytest
from support.query_catalog import make_catalog


@pytest.fixture(scope="session")
def catalog(tmp_path_factory):
    return make_catalog(tmp_path_factory.mktemp("asked"))
