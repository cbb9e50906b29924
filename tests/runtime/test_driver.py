"""The driver, by a libcuda that says what the test wants."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from archc.runtime.driver import LIBRARY, MANAGEMENT, Driver, DriverError, Gpu, read_driver
from tests.runtime.support import H100, FakeDriver, loader

SMALL = Gpu("Tesla T4", 15 * 2**30 + 1, (7, 5))


class FakeManagement:
    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlSystemGetDriverVersion(self, buffer: Any, size: int) -> int:  # noqa: N802
        assert size == ctypes.sizeof(buffer)
        buffer.value = b"580.65.06"
        return 0


def test_what_it_says() -> None:
    load = loader({LIBRARY: FakeDriver([H100, SMALL], cuda=12080), MANAGEMENT: FakeManagement()})
    assert read_driver(load) == Driver((12, 8), "580.65.06", (H100, SMALL))


def test_its_own_version_may_be_unknown() -> None:
    assert read_driver(loader({LIBRARY: FakeDriver([H100])})) == Driver((13, 0), None, (H100,))


def test_no_driver() -> None:
    with pytest.raises(DriverError, match=f"{LIBRARY} is not found"):
        read_driver(loader({}))


def test_a_driver_that_can_t_be_loaded_says_why() -> None:
    def load(name: str) -> Any:
        raise OSError(f"{name}: wrong ELF class: ELFCLASS32")

    with pytest.raises(DriverError, match=r"can't be loaded: .*wrong ELF class"):
        read_driver(load)


@pytest.mark.parametrize("function", ["cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceTotalMem_v2"])
def test_a_function_that_fails_is_named_with_its_meaning(function: str) -> None:
    with pytest.raises(DriverError, match=f"{function} fails with 999, meaning of 999"):
        read_driver(loader({LIBRARY: FakeDriver([H100], fails={function: 999})}))


def test_hidden_gpus_are_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DriverError, match="CUDA_VISIBLE_DEVICES is ''"):
        read_driver(loader({LIBRARY: FakeDriver([H100], fails={"cuInit": 100})}))
    with pytest.raises(DriverError, match=r"shows no GPU .*CUDA_VISIBLE_DEVICES"):
        read_driver(loader({LIBRARY: FakeDriver([])}))
