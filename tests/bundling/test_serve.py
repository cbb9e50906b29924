"""The example server of a bundle, over loopback, with real images and with wrong ones."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from archc.cli import run
from tests.bundling import models

ROOT = Path(__file__).parents[2]
LABELS = list("abcdefghij")
SPEC = f"""\
name: tiny
input: [3, 32, 32]
body:
  conv: conv(16, 5, stride=2, padding=2)
  act: relu
  conv2: conv(32, 3, stride=2)
  act2: relu
head:
  pool: global_avg_pool
  flatten: flatten
  fc: linear(10)
preprocess: {{resize: 40, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], color: rgb}}
labels: {json.dumps(LABELS)}
"""


class Server:
    """serve.py of a bundle, run by uvicorn on a port of its own choice."""

    def __init__(self, folder: Path, log: Path) -> None:
        command = [sys.executable, "-m", "uvicorn", "serve:app", "--port", "0", "--app-dir", str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        self.client = httpx.Client(base_url=self._address(), timeout=60, trust_env=False)

    def _address(self) -> str:
        for _ in range(600):
            if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", self.log.read_text()):
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.process.kill()
        pytest.fail(f"the server did not start:\n{self.log.read_text()}")

    def post(self, data: bytes, **how: Any) -> httpx.Response:
        return self.client.post("/classify", content=data, **how)

    def stop(self) -> str:
        self.client.close()
        self.process.terminate()
        self.process.wait(60)
        return self.log.read_text()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Photographs and digits, as JPEG, PNG and WebP; in colour, grey, and with a palette."""
    folder = tmp_path_factory.mktemp("pictures")
    found: list[Path] = []
    for name, array in zip(("china", "flower"), load_sample_images().images, strict=True):
        photo = Image.fromarray(array)
        for suffix, image in (("jpg", photo), ("png", photo.quantize(64)), ("webp", photo.resize((90, 200)))):
            found.append(folder / f"{name}.{suffix}")
            image.save(found[-1])
    for i, digit in enumerate(load_digits().images[:4]):
        found.append(folder / f"digit{i}.png")
        Image.fromarray((digit * 15.9).astype("uint8")).save(found[-1])
    return found


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundled model with its server."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "tiny.yaml").write_text(SPEC)
    assert run(["build", str(folder / "tiny.yaml"), "--to", "onnx", "--out", str(folder)]) == 0
    assert run(["bundle", str(folder / "tiny.onnx"), "--out", str(folder / "models"), "--serve"]) == 0
    return folder / "models" / "tiny"


@pytest.fixture(scope="module")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(bundle, tmp_path_factory.mktemp("log") / "log")
    try:
        yield started
    finally:
        log = started.stop()
    assert "Traceback" not in log and " 500" not in log, log


@pytest.fixture(scope="module")
def expected(bundle: Path, pictures: list[Path]) -> dict[Path, Any]:
    return what_run_says(bundle / "1/model.onnx", pictures)


def what_run_says(model: Path, pictures: list[Path]) -> dict[Path, Any]:
    """What `archc run` says of each picture."""
    command = [sys.executable, "-m", "archc", "run", model, *pictures, "--format", "json"]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=True)
    return {Path(one.pop("input")): one for one in json.loads(done.stdout)["results"]}


def test_it_says_what_archc_run_says(server: Server, pictures: list[Path], expected: dict[Path, Any]) -> None:
    best: set[str] = set()
    for picture in pictures:
        answer = server.post(picture.read_bytes())
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert said.pop("input") == "the image"
        assert said == expected[picture]
        ((name, guesses),) = said["top"].items()
        assert len(guesses) == 5 and all(guess["label"] == LABELS[guess["class"]] for guess in guesses), name
        best.add(json.dumps(guesses))
    assert len(best) > len(pictures) // 2  # the answers do depend on the picture


def test_a_form(server: Server, pictures: list[Path], expected: dict[Path, Any]) -> None:
    answer = server.client.post("/classify?top=2", files={"file": ("a.jpg", pictures[0].read_bytes(), "image/jpeg")})
    (guesses,) = answer.json()["top"].values()
    assert [guesses] == [best[:2] for best in expected[pictures[0]]["top"].values()]


def test_many_at_once(server: Server, pictures: list[Path], expected: dict[Path, Any]) -> None:
    asked = pictures * 6
    with ThreadPoolExecutor(16) as pool:  # httpx.Client is made for threads, and opens a connection for each
        answers = list(pool.map(server.post, (path.read_bytes() for path in asked)))
    assert [answer.json()["top"] for answer in answers] == [expected[path]["top"] for path in asked]


def test_health(server: Server) -> None:
    assert server.client.get("/health").json() == {"status": "ok", "model": "tiny", "version": "1", "device": "cpu"}


def bomb() -> bytes:
    """A PNG of some kilobytes that says it has 2.5 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(5_000_000))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def thread() -> bytes:
    """A PNG of some kilobytes which, scaled as others are, would fill 16 GiB."""
    stream = io.BytesIO()
    Image.new("RGB", (1, 2_000_000)).save(stream, "PNG")
    return stream.getvalue()


def float_tiff() -> bytes:
    stream = io.BytesIO()
    Image.new("F", (8, 8)).save(stream, "TIFF")
    return stream.getvalue()


def wrong(pictures: list[Path]) -> dict[str, tuple[int, bytes, str]]:
    """What is sent → status, body, and what is said of it."""
    photo = pictures[0].read_bytes()
    return {
        "text": (422, b"no image at all", "the image is no image of a known format"),
        "nothing": (422, b"", "the image is no image of a known format"),
        "cut off": (422, photo[: len(photo) // 2], "the image is broken: image file is truncated"),
        "a head alone": (422, photo[:20], "the image is"),
        "a bomb": (422, bomb(), "the image is too large"),
        "a thread": (422, thread(), "the image has sides of which one is more than 200 times as long as"),
        "32 bits": (422, float_tiff(), "the image has 32 bits a channel"),
        "another kind of file": (422, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "the image is no image"),
        "too much": (413, bytes((16 << 20) + 1), "send one image of at most 16 MiB"),
    }  # fmt: skip


def test_wrong_uploads(server: Server, pictures: list[Path]) -> None:
    for what, (status, body, said) in wrong(pictures).items():
        for answer in (server.post(body), server.client.post("/classify", files={"file": ("a.jpg", body)})):
            assert answer.status_code == status, (what, answer.text)
            assert answer.json()["detail"].startswith(said), what
    assert server.post(pictures[0].read_bytes()).status_code == 200


def test_wrong_requests(server: Server, pictures: list[Path]) -> None:
    photo = pictures[0].read_bytes()
    form = {"content-type": "multipart/form-data; boundary=x"}
    answers = {
        405: [server.client.get("/classify")],
        404: [server.client.post("/", content=photo)],
        413: [server.client.post("/classify", content=iter([photo]))],  # in chunks, of a length that is not said
        400: [
            server.post(photo, headers=form),
            server.post(photo, headers={"content-type": "multipart/form-data"}),
            server.client.post("/classify", files=[("a", photo), ("b", photo)]),
        ],
        422: [
            server.post(photo, params={"top": 0}),
            server.post(photo, params={"top": "all"}),
            server.post(b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n", headers=form),
        ],
    }  # fmt: skip
    for status, given in answers.items():
        assert [answer.status_code for answer in given] == [status] * len(given), [answer.text for answer in given]
        assert all(answer.json()["detail"] for answer in given)


def test_preprocessing_and_the_best_classes_in_the_graph(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "tiny.yaml").write_text(SPEC)
    build = ["build", str(tmp_path / "tiny.yaml"), "--to", "onnx", "--out", str(tmp_path)]
    assert run([*build, "--with-preprocess", "--with-topk", "3"]) == 0
    assert run(["bundle", str(tmp_path / "tiny.onnx"), "--out", str(tmp_path / "models"), "--serve"]) == 0
    assert (tmp_path / "models/tiny/labels.txt").read_text().split() == LABELS
    net = tmp_path / "models/tiny/1/model.onnx"
    server = Server(net.parents[1], tmp_path / "log")
    try:
        answers = [server.post(picture.read_bytes()).json() for picture in pictures]
    finally:
        server.stop()
    expected = what_run_says(net, pictures)
    for picture, answer in zip(pictures, answers, strict=True):
        assert answer["top"] == expected[picture]["top"]
        ((_, guesses),) = answer["top"].items()
        assert [LABELS[guess["class"]] for guess in guesses] == [guess["label"] for guess in guesses]


def test_a_model_of_another_tool_is_told_how_images_become_its_input(tmp_path: Path, pictures: list[Path]) -> None:
    models.classifier(tmp_path / "net.onnx", size=(24, 24))
    assert run(["bundle", str(tmp_path / "net.onnx"), "--out", str(tmp_path / "models"), "--serve"]) == 0
    source = tmp_path / "models/net/serve.py"
    command = [sys.executable, "-c", "import serve"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{source.parent}"}
    failed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert failed.returncode != 0
    assert "the model does not say how images become its input" in failed.stderr.splitlines()[-1]
    text = source.read_text()
    source.write_text(text.replace("Inputs(session).image()", 'Inputs(session, {"resize": 24}).image()'))
    assert source.read_text() != text
    server = Server(source.parent, tmp_path / "log")
    try:
        answer = server.post(pictures[0].read_bytes(), params={"top": 1})
    finally:
        server.stop()
    ((guess,),) = answer.json()["top"].values()
    assert guess["label"] in models.LABELS
