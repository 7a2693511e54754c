"""The embedded services: each is the one that was started, and has its port to itself."""

import subprocess
import sys

import pytest

from portal.local.services import ServiceError, valkey
from tests.ports import reserved_port


def test_another_valkey_at_the_port_is_not_taken_for_ours(tmp_path) -> None:
    port = reserved_port()

    with (
        valkey(tmp_path / "first", port, tmp_path / "first.log"),
        pytest.raises(ServiceError, match="Address already in use"),
        valkey(tmp_path / "second", port, tmp_path / "second.log"),
    ):
        pytest.fail("the second listens nowhere")


def test_a_reserved_port_goes_to_no_other_process() -> None:
    port = reserved_port()
    other = f"import tests.ports as p; p._PORTS = range({port}, {port} + 1); p.reserved_port()"

    ended = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=False)

    assert ended.returncode != 0
    assert "is free" in ended.stderr
