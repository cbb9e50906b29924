"""``archc build`` broken off: by kill -9 at any moment, and by a full disk. What stood there stays whole."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, sleep

import onnx
import pytest

ROOT = Path(__file__).parents[2]
KILLS = 50

SPEC = """\
name: net
input: [3, 16, 16]
body:
  conv1: conv(256, 3)
  conv2: conv(512, 3)
  conv3: conv(1024, 3)
head:
  pool: global_avg_pool
  flatten: flatten
  fc: linear(100)
"""


def build(folder: Path, seed: int, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "archc", "build", str(folder / "net.yaml"), "--to", "onnx"),
        *("--out", str(folder), "--seed", str(seed), *options),
    ]


def digests(folder: Path) -> tuple[str, ...]:
    """Of the model and of the file of weights that it names, which must be there."""
    model = folder / "net.onnx"
    proto = onnx.load(model, load_external_data=False)
    onnx.checker.check_model(str(model))
    named = {e.value for i in proto.graph.initializer for e in i.external_data if e.key == "location"}
    return tuple(
        hashlib.sha256(path.read_bytes()).hexdigest() for path in [model, *(folder / n for n in sorted(named))]
    )


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--external-data-from", "1Mi")], ids=["one file", "external data"])
def test_killed_at_random_moments(tmp_path: Path, options: Sequence[str]) -> None:
    (tmp_path / "net.yaml").write_text(SPEC)
    whole: list[tuple[str, ...]] = []
    took = 0.0
    for seed in (1, 0):
        start = perf_counter()
        subprocess.run(build(tmp_path, seed, *options), cwd=ROOT, check=True, capture_output=True)
        took = perf_counter() - start
        whole.append(digests(tmp_path))
    assert whole[0] != whole[1]
    moments = random.Random(4)
    ended: Counter[str] = Counter()
    for i in range(KILLS // 2):
        process = subprocess.Popen(
            build(tmp_path, i % 2, *options), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        sleep(moments.uniform(0, took * 1.1))
        process.kill()
        ended["killed" if process.wait() < 0 else "done"] += 1
        assert digests(tmp_path) in whole
    assert ended["killed"], ended
    final = {"net.yaml", "net.onnx"}
    others = [name for name in os.listdir(tmp_path) if name not in final and not name.startswith(".archc-")]
    assert all(name.startswith("net.onnx.") and name.endswith(".data") for name in others), others


def test_full_disk(tmp_path: Path) -> None:
    """On a file system of 10 MiB, mounted in a namespace of its own, where that is allowed: two models find no room."""
    mount = 'mount -t tmpfs -o size=10m none "$1"'
    script = f"""{mount} && cat > "$1/net.yaml" && "$@" && sha256sum < "$1/net.onnx" && \
        {{ "$@" --seed 7; echo "exit $?"; sha256sum < "$1/net.onnx"; ls -A "$1"; }}"""
    script = script.replace('"$@"', " ".join(f"'{part}'" for part in build(tmp_path, 0)))
    network = SPEC.replace("  conv3: conv(1024, 3)\n", "").replace("conv(512, 3)", "conv(640, 3)")
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", str(tmp_path)]
    try:
        done = subprocess.run(command, input=network, capture_output=True, text=True, check=False, cwd=ROOT)
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")
    before, code, after, *left = done.stdout.splitlines()[-5:]
    assert code == "exit 2", done
    assert done.stderr.strip() == f"error: cannot write {tmp_path}/net.onnx: the disk is full"
    assert before == after
    assert left == ["net.onnx", "net.yaml"]
