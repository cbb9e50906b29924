"""``archc tune``: what is tried, what is kept, and what is written. Sessions of the search's tests are made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archc.cli import run
from archc.measurement.statistics import Interval
from archc.measurement.tuning import search as searches
from archc.measurement.tuning.options import Option, Value, options_for, start
from archc.measurement.tuning.search import Opened, Search, Trial, Tuned, wins
from archc.measurement.tuning.tune import Request, as_text, profile_of, settings_text
from archc.runtime.environment import environment
from archc.runtime.errors import ModelError
from archc.runtime.profile import Profile, profile_path, read_profiles, settings_for
from archc.runtime.session import CudaSettings, Settings
from tests.measurement.models import conv_relu, saved

GOLDENS = Path(__file__).parent / "goldens"


class Machine:
    """Sessions whose time is a function of their settings, on a clock of their own."""

    def __init__(
        self, seconds: Callable[[Settings], float], outputs: Callable[[Settings], float] = lambda _: 1.0
    ) -> None:
        self.now, self.calls = 0.0, 0
        self._seconds, self._outputs = seconds, outputs

    def open(self, settings: Settings) -> Opened:
        if settings.graph_optimization == "disabled":
            raise ModelError("no kernel for it")

        def work() -> None:
            self.calls += 1
            noise = 1 + 0.05 * ((self.calls * 7919) % 11 - 5) / 5
            self.now += self._seconds(settings) * noise

        def outputs() -> Mapping[str, Any]:
            return {"y": np.array([self._outputs(settings)])}

        return Opened(work, outputs)


@pytest.fixture
def tuned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tuned]:
    """``tuned(seconds, options)``"""

    def call(seconds: Callable[[Settings], float], options: list[Option], **machine: Any) -> Tuned:
        made = Machine(seconds, **machine)
        monkeypatch.setattr("archc.measurement.interleave.perf_counter", lambda: made.now)
        return Search(made.open, 1e-4, rounds=30).run(Settings(), options)

    return call


def threads(number: int) -> Value:
    return Value(str(number), lambda s: Settings(number, mem_pattern=s.mem_pattern))


def pattern(on: bool) -> Value:
    return Value(str(on), lambda s: Settings(s.intra_op_threads, mem_pattern=on))


THREADS = Option("threads", (Value("default", lambda s: s), threads(1), threads(2), threads(4)))
PATTERN = Option("mem_pattern", (pattern(True), pattern(False)))


def test_the_best_of_each_option_is_kept(tuned: Callable[..., Tuned]) -> None:
    speeds = {None: 0.010, 1: 0.020, 2: 0.006, 4: 0.007}
    found = tuned(lambda s: speeds[s.intra_op_threads] * (1 if s.mem_pattern else 0.8), [THREADS, PATTERN])
    assert found.settings == Settings(2, mem_pattern=False)
    assert found.ratio is not None and found.ratio.median == pytest.approx(0.48, rel=0.06)
    assert [(t.option, t.value, t.kept) for t in found.trials] == [
        ("threads", "1", False), ("threads", "2", True), ("threads", "4", False), ("mem_pattern", "False", True),
    ]  # fmt: skip


def test_what_is_faster_by_less_than_the_noise_is_not_kept(tuned: Callable[..., Tuned]) -> None:
    found = tuned(lambda s: 0.010 if s.mem_pattern else 0.00995, [PATTERN])
    assert found.settings == Settings()
    assert found.ratio is None
    assert found.default_seconds == found.seconds


def test_an_option_that_fails_is_told_and_the_search_goes_on(tuned: Callable[..., Tuned]) -> None:
    broken = Option("graph", (Value("disabled", lambda _: Settings(graph_optimization="disabled")),))
    found = tuned(lambda s: 0.010 if s.mem_pattern else 0.005, [broken, PATTERN])
    assert found.trials[0].problem == "no kernel for it"
    assert found.settings == Settings(mem_pattern=False)


def test_what_computes_something_else_is_not_kept_however_fast(tuned: Callable[..., Tuned]) -> None:
    found = tuned(
        lambda s: 0.010 if s.mem_pattern else 0.001, [PATTERN], outputs=lambda s: 1.0 if s.mem_pattern else 1.01
    )
    assert found.settings == Settings()
    assert "computes something else" in (found.trials[0].problem or "")


def test_what_wins_alone_and_not_in_the_end_is_not_kept(
    tuned: Callable[..., Tuned], monkeypatch: pytest.MonkeyPatch
) -> None:
    wants = iter([True, False])
    monkeypatch.setattr(searches, "wins", lambda ratio: next(wants))
    found = tuned(lambda s: 0.010, [PATTERN])
    assert found.trials[0].kept
    assert found.settings == Settings()


@pytest.mark.parametrize(
    ("ratio", "kept"),
    [
        (Interval(0.9, 0.85, 0.95), True),
        (Interval(0.9, 0.85, 0.995), False),  # perhaps no more than 0.5%
        (Interval(0.9, 0.7, 1.2), False),
        (Interval(0.5, 0.0, float("inf")), False),  # too few rounds to know
    ],
)
def test_the_rule(ratio: Interval, kept: bool) -> None:
    assert wins(ratio) == kept


def test_what_is_tried_on_a_cpu() -> None:
    names = [option.name for option in options_for("cpu", 4)]
    assert names[0] == "threads" and {"spinning", "execution", "graph_optimization"} < set(names)
    counts = options_for("cpu", 6)[0].values
    assert [value.text for value in counts] == ["default", "1", "2", "4", "6"]
    assert [value.apply(Settings()).intra_op_threads for value in counts] == [None, 1, 2, 4, 6]
    one = {option.name for option in options_for("cpu", 6, threads=1)}
    assert not one & {"threads", "spinning", "execution", "dynamic_block_base"}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_first_value_of_an_option_is_the_default(device: str) -> None:
    """Where the default is written out, what it does must be what None does: onnxruntime's documented defaults."""
    written = {"use_tf32": True, "prefer_nhwc": False, "fuse_conv_bias": False, "enable_cuda_graph": False,
               "cudnn_conv_algo_search": "EXHAUSTIVE", "cudnn_conv_use_max_workspace": True}  # fmt: skip
    for option in options_for(device, 4, allow_tf32=True):
        first = option.values[0].apply(Settings())
        changed = {name: value for name, value in first.to_json()["cuda"].items() if value is not None}
        assert changed.items() <= {**written, "device_id": 0}.items()
        assert Settings.from_json({**first.to_json(), "cuda": {}}) == Settings()
        assert len({value.text for value in option.values}) == len(option.values) > 1


def test_tf32_is_tried_only_where_it_is_allowed() -> None:
    names = [option.name for option in options_for("cuda", 4)]
    assert names == ["cuda_graph", "prefer_nhwc", "fuse_conv_bias", "conv_algo_search", "conv_max_workspace"]
    assert start("cuda").cuda.use_tf32 is False
    assert options_for("cuda", 4, allow_tf32=True)[0].name == "use_tf32"
    assert start("cuda", allow_tf32=True).cuda.use_tf32 is None
    assert start("cpu", threads=3) == Settings(intra_op_threads=3)


def test_bf16_is_not_tried_in_nhwc() -> None:
    """onnxruntime's convolutions in NHWC do not take it."""
    assert "prefer_nhwc" not in {option.name for option in options_for("cuda", 4, precision="bf16")}


def test_entries_at_their_default_are_not_written_down() -> None:
    (option,) = (o for o in options_for("cpu", 2) if o.name == "spinning")
    on, off = option.values
    assert off.apply(Settings()).config == {"session.intra_op.allow_spinning": "0"}
    assert on.apply(off.apply(Settings())).config == {}


def test_settings_in_words() -> None:
    settings = Settings(2, mem_pattern=False, cuda=CudaSettings(prefer_nhwc=True), config={"session.x": "1"})
    assert settings_text(settings) == "intra_op_threads 2, mem_pattern off, prefer_nhwc on, session.x 1"
    assert settings_text(Settings()) == "the default settings"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model in the current folder, of which little is tried."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("archc.measurement.tuning.tune.options_for", lambda *_, **__: [PATTERN])
    return saved(conv_relu(), Path("conv.onnx"))


def test_a_profile_is_written_beside_the_model(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "conv.onnx", "--threads", "1", "--batch", "2", "--rounds", "8"]) == 0
    out = capsys.readouterr().out
    assert "conv.profile.json written: " in out and "mem_pattern" in out
    (profile,) = read_profiles(model)
    assert profile.settings.intra_op_threads == 1
    assert profile.measured["batch"] == 2
    assert [trial["option"] for trial in profile.measured["tried"]] == ["mem_pattern"]
    assert settings_for(model, "cpu") == (profile.settings, None)


def test_json_is_the_entry(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "conv.onnx", "--rounds", "8", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] == "conv.profile.json"
    assert Settings.from_json(found["settings"]) == read_profiles(model)[0].settings


def test_ctrl_c_leaves_the_old_profile_as_it_is(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["tune", "conv.onnx", "--rounds", "8"]) == 0
    before = profile_path(model).read_bytes()
    calls = iter([False, True])
    original = searches.compare

    def interrupted(*args: Any, **named: Any) -> Any:
        if next(calls):
            raise KeyboardInterrupt
        return original(*args, **named)

    monkeypatch.setattr(searches, "compare", interrupted)
    assert run(["tune", "conv.onnx", "--rounds", "9"]) == 130
    assert profile_path(model).read_bytes() == before
    assert [file.name for file in Path().iterdir() if file.name.endswith(".tmp")] == []


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["none.onnx"], 2, "does not exist"),
        (["conv.onnx", "--allow-tf32"], 2, "speaks of --device cuda"),
        (["conv.onnx", "--rounds", "3"], 2, "--rounds"),
        (["conv.onnx", "--input", "4x10x12"], 2, "can't be [4, 10, 12]"),
    ],
)
def test_what_can_not_be_asked_for(
    model: Path, args: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tune", *args]) == code
    assert message in capsys.readouterr().err
    assert not profile_path(model).exists()


@pytest.mark.skipif(not environment().missing(), reason="CUDA works here")
def test_cuda_is_cuda_or_an_error(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "conv.onnx", "--device", "cuda"]) == 3
    assert "CUDA can't be used here" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.skipif(bool(environment().missing()), reason="no CUDA device")
def test_all_options_can_be_tried_on_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = saved(conv_relu(), Path("conv.onnx"))
    assert run(["tune", "conv.onnx", "--device", "cuda", "--allow-tf32", "--rounds", "8"]) == 0
    (profile,) = read_profiles(model)
    assert [trial for trial in profile.measured["tried"] if "problem" in trial] == []


def test_what_people_read(golden: Callable[[Path, str], None]) -> None:
    trials = (
        Trial("threads", "1", 0.020, Interval(2.0, 1.9, 2.1)),
        Trial("threads", "4", 0.005, Interval(0.5, 0.49, 0.52), kept=True),
        Trial("graph_optimization", "layout", problem="computes something else: outputs differ"),
    )
    tuned = Tuned(Settings(4), trials, 0.010, 0.005, Interval(0.5, 0.49, 0.51))
    profile = Profile("cpu", "a processor, 4 cores", "1.31.1", "0" * 64, tuned.settings)
    request = Request(Path("net.onnx"))
    better = as_text(request, profile, tuned, Path("net.profile.json"))
    same = as_text(request, profile, Tuned(Settings(), (), 0.01, 0.01, None), Path("net.profile.json"))
    golden(GOLDENS / "tune.txt", better + "\n" + same)


def test_what_is_kept_of_a_search_is_plain_json(model: Path) -> None:
    tuned = Tuned(Settings(4), (Trial("threads", "4", 0.005, Interval(0.5, 0.4, 0.6), kept=True),), 0.01, 0.005, None)
    data = json.loads(json.dumps(profile_of(Request(model), tuned).to_json()))
    assert data["measured"]["tried"][0]["ratio"] == {"median": 0.5, "low": 0.4, "high": 0.6}
