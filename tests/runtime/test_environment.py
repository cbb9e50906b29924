"""What is said of each thing that CUDA may lack, and what mends it."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import replace
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

import pytest

from archc.runtime import cores, wheels
from archc.runtime.devices import DeviceError
from archc.runtime.driver import LIBRARY, Driver
from archc.runtime.environment import Package, device_name, environment, inspect, require_cuda
from archc.runtime.libraries import libraries
from tests.runtime.support import BARE, H100, PACKAGE, WORKING, FakeDriver, loader
from tests.runtime.test_elf import library

PIP = "pip install 'onnxruntime-gpu[cuda,cudnn]==1.31.1'"


class FakeCudnn:
    def __init__(self, version: int) -> None:
        self.version = version

    def cudnnGetVersion(self) -> int:  # noqa: N802
        return self.version


class FakeCudart:
    def cudaRuntimeGetVersion(self, out: Any) -> int:  # noqa: N802
        out._obj.value = 13010
        return 0


def provider(folder: Path) -> Package:
    """A CUDA provider that is linked with two libraries of CUDA's, and opens a third and a fourth later."""
    file = folder / "libonnxruntime_providers_cuda.so"
    file.write_bytes(library(["libcublas.so.13", "libcudart.so.13", "libcuda.so.1", "libc.so.6"]))
    return Package("1.31.1", "13.0", file, ("libcublas.so.13", "libcudnn.so.9", "libcufft.so.12"))


ALL = {
    LIBRARY: FakeDriver([H100]),
    "libcublas.so.13": object(),
    "libcudart.so.13": FakeCudart(),
    "libcudnn.so.9": FakeCudnn(92401),
    "libcufft.so.12": object(),
}


def test_all_there(tmp_path: Path) -> None:
    found = inspect(provider(tmp_path), lambda: None, loader(ALL))
    assert found.missing() == [] and found.driver == Driver((13, 0), None, (H100,))
    versions = {library.name: library.version for library in found.libraries}
    assert versions == {"cuBLAS": None, "CUDA runtime": "13.1", "cuDNN": "9.24.1", "cuFFT": None}
    require_cuda(found)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (LIBRARY, "driver: libcuda.so.1 is not found"),
        ("libcublas.so.13", "cuBLAS: libcublas.so.13 is not found"),
        ("libcudart.so.13", "CUDA runtime: libcudart.so.13 is not found"),
        ("libcudnn.so.9", "cuDNN: libcudnn.so.9 is not found"),
    ],
)
def test_each_missing_thing_is_named_alone(tmp_path: Path, gone: str, said: str) -> None:
    found = inspect(provider(tmp_path), lambda: None, loader({k: v for k, v in ALL.items() if k != gone}))
    with pytest.raises(DeviceError) as caught:
        require_cuda(found)
    assert caught.value.problems == (said,)
    assert caught.value.remedy == (
        "install NVIDIA's driver for CUDA 13; in a container, start it with --gpus all"
        if gone == LIBRARY
        else "\n".join(wheels.install(wheels.installed(), gpu=True))
    )


def test_what_convolutions_do_without_is_no_obstacle(tmp_path: Path) -> None:
    found = inspect(provider(tmp_path), lambda: None, loader({k: v for k, v in ALL.items() if "cufft" not in k}))
    assert found.missing() == []
    assert [lib.file for lib in found.libraries if lib.problem] == ["libcufft.so.12"]


def test_a_library_that_onnxruntime_finds_in_a_wheel_counts(tmp_path: Path) -> None:
    present: dict[str, Any] = {LIBRARY: ALL[LIBRARY]}
    found = inspect(provider(tmp_path), lambda: present.update(ALL), loader(present))
    assert found.missing() == []


def test_what_onnxruntime_prints_of_it_is_not_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspect(provider(tmp_path), lambda: print("Failed to load libcublas.so.13"), loader({}))
    assert capsys.readouterr().out == ""


def test_the_version_of_older_cudnn() -> None:
    (found,) = libraries([], ["libcudnn.so.8"], lambda _: FakeCudnn(8907))
    assert found.version == "8.9.7"


def test_a_library_of_another_kind_says_what_the_loader_says() -> None:
    def load(name: str) -> Any:
        return ctypes.CDLL(str(Path(__file__)))  # no library

    (found,) = libraries(["libcublas.so.13"], [], load)
    assert found.problem is not None and found.problem.startswith("can't be loaded: ")


def test_a_wheel_without_cuda() -> None:
    here = replace(
        BARE, wheels={"onnxruntime": "1.31.1"}, package=Package("1.31.1", None, None), libraries=(), driver_problem=None
    )
    assert here.missing() == ["onnxruntime: onnxruntime 1.31.1 has no CUDA provider"]
    assert here.remedy() == ["pip uninstall -y onnxruntime", "pip install 'onnxruntime-gpu[cuda,cudnn]'"]


def test_no_onnxruntime_at_all() -> None:
    here = replace(BARE, wheels={}, package=None, libraries=(), driver_problem=None)
    assert here.missing() == ["onnxruntime: not installed"]
    assert here.remedy() == ["pip install 'onnxruntime-gpu[cuda,cudnn]'"]


def test_an_onnxruntime_that_can_not_be_imported_is_not_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "archc.runtime.ort", raising=False)
    monkeypatch.delattr("archc.runtime.ort", raising=False)
    monkeypatch.setitem(sys.modules, "numpy", None)
    here = environment.__wrapped__()
    assert here.package is None and here.missing()[0].startswith("onnxruntime: can't be imported: ")
    assert "numpy" in here.missing()[0]


def test_both_wheels_are_an_error_and_both_go() -> None:
    here = replace(BARE, wheels={"onnxruntime": "1.30.0", "onnxruntime-gpu": "1.31.1"})
    assert here.conflict is not None and "onnxruntime and onnxruntime-gpu are both installed" in here.conflict
    assert here.remedy()[1:] == ["pip uninstall -y onnxruntime onnxruntime-gpu", PIP]
    with pytest.raises(DeviceError) as caught:
        require_cuda(here)
    assert caught.value.problems[0].startswith("wheels: ")


def test_a_driver_that_is_too_old_has_two_ways_out() -> None:
    here = replace(WORKING, driver=Driver((12, 4), "550.54", (H100,)))
    assert here.missing() == ["driver: it supports CUDA 12.4, and onnxruntime is built for CUDA 13"]
    assert here.remedy() == [
        "install a newer NVIDIA driver for CUDA 13, or, for this one:",
        "pip install 'onnxruntime-gpu[cuda,cudnn]<=1.26'",
    ]
    oldest = replace(WORKING, driver=Driver((11, 4), "470.1", (H100,)))
    assert oldest.remedy() == ["install a newer NVIDIA driver for CUDA 13"]


def test_a_gpu_that_is_not_there() -> None:
    require_cuda(WORKING, 0)
    with pytest.raises(DeviceError, match="no GPU 1: the driver shows 1"):
        require_cuda(WORKING, 1)


def distribution(folder: Path, name: str, version: str, *files: str) -> Distribution:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    return PathDistribution(info)


def test_wheels_are_told_by_the_module_that_they_hold(tmp_path: Path) -> None:
    found = [
        distribution(tmp_path, "onnxruntime", "1.30.0", "onnxruntime/__init__.py"),
        distribution(tmp_path, "onnxruntime_gpu", "1.31.1", "onnxruntime/__init__.py"),
        distribution(tmp_path, "onnxruntime-openvino", "1.24.0", "onnxruntime/__init__.py"),
        distribution(tmp_path, "onnxruntime-genai", "0.9", "onnxruntime_genai/__init__.py"),
        distribution(tmp_path, "onnx", "1.20", "onnx/__init__.py"),
    ]
    assert wheels.installed(found) == {
        "onnxruntime": "1.30.0", "onnxruntime-gpu": "1.31.1", "onnxruntime-openvino": "1.24.0",
    }  # fmt: skip


def test_a_wheel_that_is_not_imported_is_no_conflict(tmp_path: Path) -> None:
    """As where a folder is put before those of the system: its module hides the other one."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    files = "onnxruntime/__init__.py"
    found = [
        distribution(first, "onnxruntime_gpu", "1.31.1", files),
        distribution(second, "onnxruntime", "1.30.0", files),
    ]
    assert wheels.installed(found) == {"onnxruntime-gpu": "1.31.1"}
    assert wheels.installed(reversed(found)) == {"onnxruntime": "1.30.0"}


def test_libraries_in_wheels_are_found_wherever_these_lie(tmp_path: Path) -> None:
    from archc.runtime.ort import in_wheels

    (tmp_path / "cu13" / "lib").mkdir(parents=True)
    there = tmp_path / "cu13" / "lib" / "libcublas.so.13"
    there.touch()
    paths = [("nvidia", "cu13", "lib", name) for name in ("libcublasLt.so.13", "libcublas.so.13")]
    assert in_wheels(paths, ["/nowhere", str(tmp_path)]) == [there]


def test_the_installed_one_is_found() -> None:
    assert "onnxruntime-gpu" in wheels.installed() or "onnxruntime" in wheels.installed()


def test_the_cpu_has_a_name_with_its_cores() -> None:
    assert device_name("cpu").endswith("cores") and len(device_name("cpu")) > len("8 cores, ")


def test_the_installed_provider_s_own_libraries_are_asked_for() -> None:
    """Of the real package: at least cuBLAS and the runtime, and cuDNN however it is opened."""
    from archc.runtime import ort

    package = ort.package()
    if package.provider is None:
        pytest.skip("this onnxruntime has no CUDA provider")
    found = {library.name for library in inspect(package, lambda: None, loader({})).libraries if library.required}
    assert {"cuBLAS", "CUDA runtime", "cuDNN"} <= found
    assert PACKAGE.provider is not None and package.provider.name == PACKAGE.provider.name


def test_cores_are_counted_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for cpu, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n")
    monkeypatch.setattr(cores, "_CPUS", tmp_path)
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert cores.cores() == 2
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: {0, 2}, raising=False)
    assert cores.cores() == 1
