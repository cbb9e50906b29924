"""What `make gpu-check` says and writes, of figures that no GPU gave; and a rehearsal of all of it on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from archc.runtime.environment import environment
from tests.gpu import needs
from tests.gpu.__main__ import main
from tests.gpu.correctness import Outcome
from tests.gpu.machine import Machine
from tests.gpu.results import Results, ResultsError, read
from tests.gpu.scope import CORRECTNESS, KINDS, RUN, SPEED, Job, Scope, full, quick, smallest
from tests.gpu.speed import RIVALS, STOCK
from tests.gpu.table import BEGIN, END, NoPlaceError, around, table, write

ROOT = Path(__file__).parents[2]
CARD = Machine("cuda", "a card", "580.1", "13.0", "9.1.0", "1.31.1", "2.13.0", "13.0", "3.11.7")
README = f"# A page\n\n{BEGIN}\nold\n{END}\n\nThe end.\n"

no_cuda = pytest.mark.skipif(not environment().missing(), reason="CUDA works here")


def found(job: Job) -> list[dict[str, Any]]:
    """Figures that say nothing of any card."""
    if job.kind == CORRECTNESS:
        right = [Outcome(job.network, "cuda-fp16", "fp16", batch, 1e-3 * batch, "2.0e-03") for batch in (1, 2)]
        return [asdict(one) for one in (*right, Outcome(job.network, "portable", "fp32", 1, 1e-7, "1.0e-05"))]
    if job.kind == RUN:
        return [{"network": job.network, "profile": "cuda-fp16", "problem": None}]
    rivals = {k: {"name": k, "seconds": 0.003, "ratio": 3.0, "low": 2.9, "high": 3.1} for k in RIVALS}
    return [{
        "network": job.network, "batch": job.batch, "profile": "cuda-fp16", "settings": "prefer_nhwc on",
        "seconds": 0.001, "limit": 0.0004, "share": 0.4, "memory_bound": 0.5, "flops": {"fp16": 1e12},
        "bandwidth": 1e12, "rivals": rivals, "problems": {},
    }]  # fmt: skip


def whole(scope: Scope | None = None) -> Results:
    return Results(CARD, "2026-01-02", None, {job: found(job) for job in (scope or full()).jobs()}, {})


def kept(folder: Path, results: Results, name: str = "results.json") -> str:
    results.write(folder / name)
    return str(folder / name)


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(README, encoding="utf-8")
    return path


def test_what_people_read(golden: Callable[[Path, str], None]) -> None:
    scope = replace(full(), families=("vgg16", "nin"), networks=("vgg16",))
    results = whole(scope)
    wrong = Outcome("nin", "cuda-bf16", "bf16", 1, None, "1.6e-02", "differs")
    results.found[Job(CORRECTNESS, "nin")].append(asdict(wrong))
    del results.found[Job(SPEED, "vgg16", 128)][0]["rivals"]["torch.compile"]
    golden(Path(__file__).parent / "goldens" / "table.md", table(results, scope) + "\n")


def test_all_families_and_networks_are_asked_for() -> None:
    jobs = full().jobs()
    assert {job.kind for job in jobs} == set(KINDS)
    assert set(smallest()) < {job.network for job in jobs if job.kind == CORRECTNESS}
    speed = {(job.network, job.batch) for job in jobs if job.kind == SPEED}
    assert speed == {(n, b) for n in ("resnet50", "googlenet", "densenet121", "vgg16") for b in (1, 128)}


def test_the_table_goes_into_the_readme_when_all_is_measured(tmp_path: Path, readme: Path) -> None:
    assert main(["--table", kept(tmp_path, whole()), "--readme", str(readme)]) == 0
    text = readme.read_text(encoding="utf-8")
    assert (
        text.startswith(f"# A page\n\n{BEGIN}\na card, driver 580.1")
        and text.endswith(f"|\n{END}\n\nThe end.\n") is False
    )
    assert "old" not in text and text.endswith(f"{END}\n\nThe end.\n")
    write(readme, "again")
    assert readme.read_text(encoding="utf-8") == README.replace("old", "again")


def test_parts_are_put_together(tmp_path: Path, readme: Path) -> None:
    everything = whole()
    parts = [
        kept(tmp_path, replace(everything, found={j: f for j, f in everything.found.items() if j.kind == kind}), kind)
        for kind in KINDS
    ]
    assert main(["--table", *parts[:2], "--readme", str(readme)]) == 1
    assert readme.read_text(encoding="utf-8") == README
    assert main(["--table", *parts, "--readme", str(readme)]) == 0
    assert read([Path(part) for part in parts]).found == everything.found


def broken(change: Callable[[Results], object]) -> Results:
    results = whole()
    change(results)
    return results


SLOW = Job(SPEED, "vgg16", 1)
WRONG: dict[str, tuple[Callable[[Results], object], str]] = {
    "aim": (lambda r: r.found[SLOW][0]["rivals"][STOCK].update(ratio=1.9), "vgg16, batch 1: 1.90 times as fast as"),
    "number": (lambda r: r.found[Job(CORRECTNESS, "nin")][0].update(problem="differs by 1"), "nin, cuda-fp16 in fp16"),
    "run": (lambda r: r.found[Job(RUN, "vgg16")][0].update(problem="ends with 3"), "archc run, vgg16"),
    "rival": (lambda r: r.found[SLOW][0]["problems"].update({STOCK: "no export"}), "was not measured: no export"),
    "failed": (lambda r: r.failed.update({SLOW: "ended with -9"}), "speed vgg16, batch 1: ended with -9"),
    "missing": (lambda r: r.found.pop(SLOW), "speed vgg16, batch 1: not measured"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_and_fails(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, said = WRONG[name]
    assert main(["--table", kept(tmp_path, broken(change))]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["failed", "missing"])
def test_the_readme_stays_where_something_was_not_measured(name: str, tmp_path: Path, readme: Path) -> None:
    assert main(["--table", kept(tmp_path, broken(WRONG[name][0])), "--readme", str(readme)]) == 1
    assert readme.read_text(encoding="utf-8") == README


def test_a_rival_that_is_missing_leaves_a_gap(tmp_path: Path, readme: Path) -> None:
    results = broken(lambda r: r.found[SLOW][0]["rivals"].pop(STOCK))
    assert not results.complete(full())
    assert main(["--table", kept(tmp_path, results), "--readme", str(readme)]) == 1


def test_of_a_job_in_two_parts_the_later_counts(tmp_path: Path) -> None:
    failed = replace(whole(), found={}, failed={SLOW: "ended with -9"})
    again = replace(whole(), found={SLOW: found(SLOW)}, date="2026-01-03")
    both = read([Path(kept(tmp_path, failed, "a.json")), Path(kept(tmp_path, again, "b.json"))])
    assert (both.found, both.failed, both.date) == ({SLOW: found(SLOW)}, {}, "2026-01-03")


def test_parts_of_two_machines_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(whole(), machine=replace(CARD, driver="590.2"))
    assert main(["--table", kept(tmp_path, whole(), "a.json"), kept(tmp_path, other, "b.json")]) == 2
    assert "b.json is of another machine" in capsys.readouterr().err


def test_small_images_are_no_part_of_it(tmp_path: Path) -> None:
    assert main(["--table", kept(tmp_path, replace(whole(), size=64))]) == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 9}', '{"format": 1, "found": 3}'])
def test_other_files_are_no_results(text: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ResultsError):
        read([path])


@pytest.mark.parametrize("text", ["", f"{END} {BEGIN}", BEGIN, f"{BEGIN}{END}{BEGIN}"])
def test_a_file_without_a_place_is_refused_before_anything_is_measured(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(text)
    with pytest.raises(NoPlaceError):
        around(path)
    assert main(["--readme", str(path)]) == 2


def test_the_readme_has_a_place() -> None:
    around(ROOT / "README.md")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert needs.missing() == []
    monkeypatch.setattr(needs, "MODULES", {"torch": "torch", "not_there": "not-there", "nor_this": "nor-this"})
    assert main(["--check"]) == 2
    assert f"{sys.executable} -m pip install not-there nor-this" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--network", "nosuch"], ["--batch", "3", "--only", "speed"]])
def test_nothing_to_measure(wrong: list[str]) -> None:
    assert main(["--device", "cpu", *wrong]) == 2


@no_cuda
def test_without_a_gpu_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == main([]) == 3
    said = capsys.readouterr().err
    assert "CUDA can't be used here" in said and "help: " in said


@no_cuda
def test_make_gpu_check_fails_without_a_gpu() -> None:
    command = ["make", "gpu-check", f"GPU_PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "gpu-check] Error 3" in done.stderr
    assert "driver: " in done.stderr or "onnxruntime: " in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_rehearsal_on_the_cpu(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    command = ["-m", "tests.gpu", "--device", "cpu", "--quick", "--only", kind, "--batch", "1", "--out", str(out)]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = read([out])
    assert not results.failed and {job.kind for job in results.found} == {kind}
    assert json.loads(out.read_text())["machine"]["device"] == "cpu"
    assert "squeezenet1_1" in done.stdout or kind != SPEED
    profiles = set(quick("cpu").profiles) if kind == CORRECTNESS else set[str]()
    assert {one.profile for one in results.outcomes()} == profiles
    for row in results.rows():
        assert set(row["rivals"]) == set(RIVALS) and row["seconds"] > 0 and row["share"] > 0
