import dataclasses
import pickle

import numpy as np
import pytest
from support.streams import same_records

from liq_nautilus.core import records


def test_actions_are_listed_by_precedence_free_names():
    assert set(records.ACTIONS) == {"AVOID", "REVERSAL_OPPORTUNITY", "WAIT", "CLEAR"}
    assert (records.LONG, records.SHORT) == (1, -1)


def signal():
    return records.Signal(1, records.CLEAR, "why", 0.5, 0, float("nan"), float("nan"))


def clusters():
    one = np.ones(1)
    return records.Clusters(1, 2.0, one, one, one, one, one.astype(np.int8), one, 0.5)


@pytest.mark.parametrize("record", [signal(), clusters()])
def test_records_cannot_be_changed_and_survive_pickling(record):
    with pytest.raises(dataclasses.FrozenInstanceError, match="ts_event"):
        record.ts_event = 2
    assert same_records(pickle.loads(pickle.dumps(record)), record)
