from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from support.trading_market import BTC

from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.live.live_actor import LiveLiquidationActor
from liq_nautilus.nautilus.live.live_config import LiveLiquidationActorConfig
from liq_nautilus.nautilus.live.state_file import DamagedStateError
from liq_nautilus.nautilus.live.state_file import SavedState
from liq_nautilus.nautilus.live.state_file import read_state
from liq_nautilus.nautilus.live.state_file import set_aside
from liq_nautilus.nautilus.live.state_file import write_state
from liq_nautilus.nautilus.snapshots import bytes_to_state
from liq_nautilus.nautilus.snapshots import state_to_bytes

if TYPE_CHECKING:
    from pathlib import Path

STATE = SavedState(1_790_000_000_000_000_000, {"tracker": b"\x00\x01map", "inputs": b""})


def test_what_was_saved_comes_back(tmp_path):
    path = tmp_path / "deep" / "BTCUSDT.state"
    assert read_state(path) is None
    write_state(path, STATE)
    write_state(path, STATE._replace(ts_saved=STATE.ts_saved + 1))
    assert read_state(path) == STATE._replace(ts_saved=STATE.ts_saved + 1)
    assert [x.name for x in path.parent.iterdir()] == ["BTCUSDT.state"]


@settings(max_examples=60)
@given(position=st.integers(0, 10_000), mask=st.integers(1, 255), cut=st.booleans())
def test_any_damage_is_noticed(tmp_path_factory, position, mask, cut):
    path = tmp_path_factory.mktemp("state") / "x.state"
    write_state(path, STATE)
    raw = bytearray(path.read_bytes())
    position %= len(raw)
    if cut:
        raw = raw[:position]
    else:
        raw[position] ^= mask
    path.write_bytes(bytes(raw))
    with pytest.raises(DamagedStateError, match="must"):
        read_state(path)


def test_damaged_files_are_set_aside_one_beside_the_other(tmp_path):
    path = tmp_path / "x.state"
    names = []
    for text in ("one", "two"):
        path.write_text(text)
        names.append(set_aside(path).name)
    assert names == ["x.state.damaged-1", "x.state.damaged-2"]
    assert (tmp_path / "x.state.damaged-1").read_text() == "one"
    assert not path.exists()


def test_a_state_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "x.state"
    write_state(path, STATE)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("liq_nautilus.json_files.os.fsync", full)
    with pytest.raises(StoreError, match=r"state_path must be writable.*No space left"):
        write_state(path, STATE._replace(ts_saved=1))
    assert read_state(path) == STATE
    assert [x.name for x in tmp_path.iterdir()] == ["x.state"]


def actor_at(path: Path) -> LiveLiquidationActor:
    settings = {"instrument_id": str(BTC), "bar_type": f"{BTC}-1-MINUTE-LAST-EXTERNAL"}
    config = json.dumps({**settings, "state_path": str(path)})
    return LiveLiquidationActor(LiveLiquidationActorConfig.parse(config))


@pytest.mark.parametrize("kind", ["version", "lacking", "no map"])
def test_a_whole_file_with_a_map_of_another_version_is_set_aside(tmp_path: Path, kind: str):
    path = tmp_path / "BTCUSDT.state"
    state = actor_at(path).on_save()
    tracker = bytes_to_state(state["tracker"])
    if kind == "version":
        tracker["version"] -= 1
    elif kind == "lacking":
        del tracker["plausibility"]
    data = b"\xc1 no map" if kind == "no map" else state_to_bytes(tracker)
    write_state(path, SavedState(5, {**state, "tracker": data}))
    actor = actor_at(path)
    before = actor.tracker
    assert actor.resume() is None
    assert actor.tracker is before
    assert [x.name for x in tmp_path.iterdir()] == ["BTCUSDT.state.damaged-1"]
    # One that is sound is taken up.
    write_state(path, SavedState(7, state))
    assert actor_at(path).resume() == 7
