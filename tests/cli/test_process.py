"""archc as a process of its own: what it imports, how it ends, what it leaves behind."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

HEAVY = """
import sys
from archc.cli import run
code = run(sys.argv[1:])
print("IMPORTED", *sorted({"torch", "onnx", "numpy", "onnxruntime", "safetensors"} & set(sys.modules)))
raise SystemExit(code)
"""


def archc(*args: str | Path, cwd: Path, env: Mapping[str, str] = ENVIRONMENT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "archc", *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "args",
    [
        ["summarize", "resnet50"],
        ["summarize", "resnet50", "--format", "json"],
        ["check", str(ROOT / "specs/models/resnet.yaml")],
        ["list"],
        ["expand", "resnet18"],
        ["diff", "resnet18", "resnet34"],
        ["build", "resnet18"],
        ["build", "resnet18", "--check"],
        ["verify", "--help"],
        ["bench", "--help"],
        ["run", "--help"],
    ],
)
def test_the_core_needs_neither_torch_nor_onnx_nor_numpy(args: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", HEAVY, *args]
    ran = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert ran.stdout.endswith("IMPORTED\n"), ran.stdout[-300:] + ran.stderr[-300:]


@pytest.mark.parametrize(
    ("missing", "args", "extra"),
    [
        ("onnx", ["build", "resnet18", "--to", "onnx"], "archc[onnx]"),
        ("numpy", ["build", "resnet18", "--to", "onnx"], "archc[onnx]"),
    ],
)
def test_a_missing_extra_is_named(missing: str, args: list[str], extra: str, tmp_path: Path) -> None:
    hide = (
        f"import sys; sys.modules[{missing!r}] = None; from archc.cli import run; raise SystemExit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", hide, *args]
    ran = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 2
    assert f"pip install '{extra}'" in ran.stderr and missing in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m archc summarize densenet201 --format csv | head -n 1"
    ran = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    assert ran.stdout.startswith("path,") and ran.stderr == ""


@pytest.mark.parametrize("args", [["--help"], ["list"], ["summarize", "resnet18", "--format", "json"], ["nothing"]])
def test_a_reader_that_is_not_there_ends_it_quietly(args: list[str], tmp_path: Path) -> None:
    """As the shell says of a process that SIGPIPE ended; 1 would be a check that failed."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "archc", *args]
    err = writing if args == ["nothing"] else subprocess.PIPE
    ran = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, stdout=writing, stderr=err, timeout=120)
    os.close(writing)
    assert ran.returncode == 141
    assert not ran.stderr


@pytest.mark.parametrize(("args", "code"), [(["list"], 0), (["doctor", "--device", "cpu"], 0), (["nothing"], 2)])
def test_it_runs_where_its_output_is_closed(args: list[str], code: int, tmp_path: Path) -> None:
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "archc", *args]
    assert subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, timeout=120, check=False).returncode == code


def test_ctrl_c_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "vgg19.onnx").write_text("old")

    def heed() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs, and their children, ignore it

    command = [sys.executable, "-m", "archc", "build", "vgg19", "--to", "onnx", "--out", tmp_path]
    process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) == 1 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)  # until it has begun to write aside
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"vgg19.onnx": "old"}


@pytest.mark.parametrize("target", ["source", "onnx"])
def test_a_file_that_can_not_be_finished_leaves_what_was_there(target: str, tmp_path: Path) -> None:
    folder = tmp_path / "generated"
    folder.mkdir()
    name = "resnet18.py" if target == "source" else "resnet18.onnx"
    (folder / name).write_text("old")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that write() fails, as it does on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    command = [sys.executable, "-B", "-m", "archc", "build", "resnet18", "--to", target]
    ran = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, preexec_fn=limit
    )
    assert ran.returncode == 2
    assert name in ran.stderr and "Traceback" not in ran.stderr
    assert {p.name: p.read_text() for p in folder.iterdir()} == {name: "old"}


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "generated").write_text("a file")
    ran = archc("build", "resnet18", "--out", "generated/deep", cwd=tmp_path)
    assert ran.returncode == 2
    assert "generated" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "archc", "summarize", "resnet18"]
        ran = subprocess.run(
            command, cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert ran.returncode == 2
    assert os.strerror(errno.ENOSPC) in ran.stderr and "Traceback" not in ran.stderr


def test_it_runs_where_the_locale_is_not_utf8(tmp_path: Path) -> None:
    env = {**ENVIRONMENT, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = subprocess.run(
        [sys.executable, "-m", "archc", "summarize", "resnet18"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert b"resnet18" in ran.stdout
