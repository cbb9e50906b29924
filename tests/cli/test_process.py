"""archc as a process of its own: what it imports, how it ends, what it leaves behind."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from archc.cli.failures import explain

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

NET = """
name: net
input: [3, 8, 8]
preprocess: {mean: 0.5, std: 0.25, color: rgb, resize: 8}
body:
  pool: global_avg_pool
  flatten: flatten
  fc: linear(3)
"""

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


ON_ONNX = (
    "build net.yaml --to onnx",
    "build net.yaml --to onnx --profile cuda-bf16",
    "build net.yaml --to onnx --profile cpu-int8 --calibrate random",
    "verify net.yaml",
    "verify net.onnx",
    "bench net.yaml",
    "bench net.onnx",
    "tune net.onnx",
    "bundle net.onnx --out models",
    "list --profiles",
)
ON_SESSIONS = ("run net.onnx --random", "bench net.onnx", "tune net.onnx", "verify net.onnx")

# Module → the commands that need it, and what brings it.
NEEDS: dict[str, tuple[Sequence[str], str]] = {
    "numpy": ((*ON_ONNX, "run net.onnx --random", "run net.onnx red.png", "weights net.safetensors net.yaml"), "onnx"),
    "onnx": (ON_ONNX, "onnx"),
    "ml_dtypes": (ON_ONNX, "onnx"),
    "safetensors": (("weights net.safetensors net.yaml", "build net.yaml --weights net.safetensors --to onnx"), "onnx"),
    "onnxruntime": ((*ON_SESSIONS, "build net.yaml --to onnx --profile cpu-int8 --calibrate random"), "runtime"),
    "PIL": (("run net.onnx red.png",), "runtime"),
    "torch": (("verify net.yaml", "weights net.pth net.yaml"), "torch"),
    "matplotlib": (("bench net.onnx --plot roof.png",), "plot"),
}
RIVALS = {"torch": "torch", "openvino": "openvino", "onnxscript": "torch-export"}

ONE_BY_ONE = """
import json, sys, io, contextlib
sys.modules[sys.argv[1]] = None
from archc.cli import run
for line in sys.argv[2:]:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = run(line.split())
    print("RAN", json.dumps([line, code, said.getvalue()]))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, its model, its weights in two files, and an image."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "net.yaml").write_text(NET)
    assert archc("build", "net.yaml", "--to", "onnx", "--out", ".", cwd=folder).returncode == 0
    weights = {"fc.weight": torch.zeros(3, 3), "fc.bias": torch.zeros(3)}
    save_file(weights, folder / "net.safetensors")
    torch.save(weights, folder / "net.pth")
    Image.new("RGB", (8, 8)).save(folder / "red.png")
    return folder


def without(module: str, commands: Sequence[str], folder: Path) -> Iterator[tuple[str, int, str]]:
    """Each command's exit code and stderr where a module can't be imported."""
    command = [sys.executable, "-c", ONE_BY_ONE, module, *commands]
    ran = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    found = [json.loads(line.removeprefix("RAN ")) for line in ran.stdout.splitlines() if line.startswith("RAN ")]
    assert len(found) == len(commands)
    return ((line, code, said) for line, code, said in found)


@pytest.mark.parametrize("module", NEEDS)
def test_every_command_names_the_package_that_it_lacks(module: str, made: Path) -> None:
    commands, extra = NEEDS[module]
    for line, code, said in without(module, commands, made):
        assert code == 2 and module in said.replace("PyTorch", "torch"), (line, said)
        assert f"archc[{extra}]" in said, (line, said)


@pytest.mark.parametrize("module", RIVALS)
def test_a_rival_that_is_missing_is_named(module: str, made: Path) -> None:
    ((_, code, said),) = without(module, [f"bench net.onnx --against {RIVALS[module]}"], made)
    assert code == 2 and f"pip install {module}" in said


@pytest.mark.parametrize("module", ["numpy", "onnx", "onnxruntime"])
def test_doctor_says_what_is_missing(module: str, made: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, module, "doctor --device cpu"],
        cwd=made, env=ENVIRONMENT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ", 3, " in ran.stdout and module in ran.stdout and "Traceback" not in ran.stderr


def test_a_library_that_can_not_be_loaded_is_no_missing_one() -> None:
    said = explain(ImportError("libtorch.so: cannot open shared object file", name="torch._C"))
    assert said == "error: torch is installed, and can't be imported: libtorch.so: cannot open shared object file"
    assert explain(ImportError("of archc's own", name="archc.ops")) is None


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
