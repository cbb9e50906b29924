"""What a network can be calibrated on, and what is said where it can't."""

from __future__ import annotations

from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archc.backends.onnx.calibration import Calibration
from archc.backends.onnx.export import Export
from archc.backends.onnx.precision import samples as module
from archc.backends.onnx.precision.samples import Samples
from archc.backends.onnx.program import Program
from archc.diagnostics.diagnostic import RequestError
from archc.runtime import inputs
from archc.runtime.session import open_session
from tests.passes.nets import Array, Net, model_of
from tests.precision.integers import quantized

SAID = {"mean": 0.5, "std": 0.25, "color": "rgb"}


def conv() -> Program:
    net = Net(3, 4, 4)
    return net.program(net.conv("conv", "x", 2, 1, of=3))


def samples(source: Path | str, limit: int = 128, said: dict[str, Any] | None = None) -> Samples:
    session = open_session(model_of(conv(), "net").proto().SerializeToString())
    return Samples(Calibration(str(source), limit=limit), session, SAID if said is None else said)


def arrays(made: Samples) -> list[Array]:
    assert all(list(sample) == ["x"] for sample in made)
    return [sample["x"] for sample in made]


def image(path: Path, value: int = 0, size: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size, size, 3), value, np.uint8)).save(path)
    return path


def test_images_of_a_folder_as_the_spec_prepares_them(tmp_path: Path) -> None:
    image(tmp_path / "b.png", 255)
    image(tmp_path / "below/a.png", 0, size=9)
    (tmp_path / "notes.txt").write_text("no image")
    found = arrays(samples(f"folder:{tmp_path}"))
    assert [(x.shape, x.dtype.name) for x in found] == [((1, 3, 4, 4), "float32")] * 2
    np.testing.assert_allclose(found[0], 2.0)
    np.testing.assert_allclose(found[1], -2.0)


def test_a_limit_is_spread_over_all_of_it(tmp_path: Path) -> None:
    """Folders are often sorted by class; the first so many would be of one."""
    for i in range(10):
        image(tmp_path / f"{i}.png", 25 * i)
    found = [round((float(x.mean()) * 0.25 + 0.5) * 255 / 25) for x in arrays(samples(f"folder:{tmp_path}", 5))]
    assert found == [0, 2, 4, 6, 8]
    np.save(
        tmp_path / "x.npy", np.arange(10, dtype=np.float32)[:, None, None, None] * np.ones((1, 3, 4, 4), np.float32)
    )
    assert [float(x.max()) for x in arrays(samples(tmp_path / "x.npy", 5))] == [0, 2, 4, 6, 8]


def test_one_image_is_enough(tmp_path: Path) -> None:
    image(tmp_path / "one.png", 255)
    assert len(arrays(samples(f"folder:{tmp_path}"))) == 1
    np.save(tmp_path / "x.npy", np.ones((3, 4, 4), np.float32))
    assert arrays(samples(tmp_path / "x.npy"))[0].shape == (1, 3, 4, 4)


def test_broken_images_are_left_out_and_told(tmp_path: Path) -> None:
    image(tmp_path / "good.png", 255)
    (tmp_path / "bad.png").write_bytes(b"no image")
    made = samples(f"folder:{tmp_path}")
    assert len(arrays(made)) == 1
    assert [Path(one.name).name for one in made.refused] == ["bad.png"]


def test_random_numbers_are_the_same_each_time() -> None:
    first, second = (np.stack(arrays(samples("random", 4))) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (4, 1, 3, 4, 4)


def test_what_does_not_fit_into_memory_is_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((5, 3, 4, 4), np.float32))
    held = arrays(samples(tmp_path / "x.npy"))
    monkeypatch.setattr(module, "KEPT", 100)
    made = samples(tmp_path / "x.npy")
    np.testing.assert_array_equal(arrays(made), held)
    np.testing.assert_array_equal(arrays(made), held)


def wrong(folder: Path) -> dict[str, tuple[Path | str, str]]:
    """Calibrations that can't be, and what is said of them."""
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken/a.png").write_bytes(b"no image")
    (folder / "text.txt").write_text("")
    (folder / "no.npy").write_bytes(b"no array")
    x = np.zeros((2, 3, 4, 4), np.float32)
    made = {"shape": x[:, :, :3], "rank": x[0, 0], "integers": x.astype(np.int64), "none": x[:0]}
    for name, array in (made | {"nan": np.where(x == 0, np.nan, x), "inf": x + np.inf}).items():
        np.save(folder / f"{name}.npy", array)
    np.savez(folder / "names.npz", y=x)
    return {
        "no such": (folder / "nowhere", "there is no such folder or file"),
        "empty folder": (f"folder:{folder}/empty", "nothing in it can be used: it is empty"),
        "no name": ("folder:", "names no folder and no file"),
        "broken images": (f"folder:{folder}/broken", r"nothing in it can be used: .*a\.png: "),
        "a file of text": (folder / "text.txt", "it is no folder and no array"),
        "no array": (folder / "no.npy", "nothing in it can be used: .*is no array"),
        "other sizes": (folder / "shape.npy", r"`x` is \[N, 3, 4, 4\], and the array is \[2, 3, 3, 4\]"),
        "other rank": (folder / "rank.npy", "the array is"),
        "integers": (folder / "integers.npy", "takes float32, and the array is int64"),
        "no samples": (folder / "none.npy", "nothing in it can be used"),
        "not a number": (folder / "nan.npy", r"`x` of .*nan\.npy\[0\] holds what is infinite or no number"),
        "infinite": (folder / "inf.npy", "holds what is infinite"),
        "other names": (folder / "names.npz", "it holds `?y`?, and the model takes `?x`?"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "no such", "empty folder", "no name", "broken images", "a file of text", "no array", "other sizes",
        "other rank", "integers", "no samples", "not a number", "infinite", "other names",
    ],
)  # fmt: skip
def test_what_can_not_be_used(case: str, tmp_path: Path) -> None:
    source, message = wrong(tmp_path)[case]
    with pytest.raises(RequestError, match=message) as caught:
        arrays(samples(source))
    assert caught.value.message.startswith(f"--calibrate {source}")


def test_images_of_which_the_spec_says_nothing(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    with pytest.raises(RequestError, match=r"does not say how .*; write `preprocess` into it"):
        arrays(samples(f"folder:{tmp_path}", said={}))


def test_choices_that_can_not_be() -> None:
    with pytest.raises(RequestError, match="no method `minmx`; did you mean `minmax`"):
        Calibration("random", "minmx")
    with pytest.raises(RequestError, match="takes one sample at least"):
        Calibration("random", limit=0)
    with pytest.raises(RequestError, match="not on what; --calibrate folder:PATH"):
        Export.of("cpu-int8", calibrate_method="entropy")
    with pytest.raises(RequestError, match="--calibrate: nothing is rounded in the profile `cpu`"):
        Export.of("cpu", calibrate="random")


@pytest.mark.parametrize("wrong", [b"no array", b"\x93NUMPY\x01\x00", None])
def test_a_large_file_is_read_sample_by_sample(
    wrong: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "MAPPED", 1)
    x = np.random.default_rng(0).standard_normal((5, 3, 4, 4), np.float32)
    np.save(tmp_path / "x.npy", x)
    if wrong is not None:
        (tmp_path / "x.npy").write_bytes(wrong)
        with pytest.raises(RequestError, match="is no array that can be read"):
            arrays(samples(tmp_path / "x.npy"))
        return
    np.testing.assert_array_equal(np.concatenate(arrays(samples(tmp_path / "x.npy"))), x)


def test_samples_without_content_are_told(tmp_path: Path) -> None:
    for i in range(3):
        image(tmp_path / f"{i}.png", i)
    made = samples(f"folder:{tmp_path}")
    arrays(made)
    assert made.flat == ("x",)
    np.save(tmp_path / "x.npy", np.arange(96, dtype=np.float32).reshape(2, 3, 4, 4))
    made = samples(tmp_path / "x.npy")
    arrays(made)
    assert made.flat == ()
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 4, 4), np.float32))
    report = quantized(conv(), tmp_path, np.zeros((2, 3, 4, 4), np.float32))
    assert report.lines()[-1] == "warning: `x` is one number throughout in every sample, as no image is"


def test_what_is_said_of_calibration_asks_for_the_same_again() -> None:
    for profile in ("cuda-fp16", "cpu-int8"):
        export = Export.of(profile, calibrate="folder:a/photos")
        assert export.arguments == {"profile": profile, "calibrate": "photos"}
        assert Export.of(profile, calibrate="photos").arguments == export.arguments
    chosen: dict[str, Any] = {
        "calibrate": "random",
        "calibrate_method": "mse",
        "calibrate_limit": 3,
        "reduce_range": True,
    }
    assert Export.of("cpu-int8", **chosen).arguments == {"profile": "cpu-int8", **chosen}


def test_of_a_large_array_only_what_is_taken_is_read(tmp_path: Path) -> None:
    """6 GiB of float64, all of it a hole in the file but the entry in the middle."""
    shape = (1 << 24, 3, 4, 4)
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float64, shape)
    file[1 << 23] = np.arange(48).reshape(3, 4, 4)
    del file
    before = getrusage(RUSAGE_SELF).ru_maxrss
    first, second = arrays(samples(tmp_path / "x.npy", 2))
    assert not first.any()
    np.testing.assert_array_equal(second[0].ravel(), np.arange(48, dtype=np.float32))
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB
