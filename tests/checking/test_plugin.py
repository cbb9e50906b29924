"""``pytest --archc``: specs as tests."""

from __future__ import annotations

import re
import subprocess
import sys
import weakref
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from shutil import copytree, ignore_patterns
from xml.etree import ElementTree as ET

# What runs of pytest within this process import, they forget; and torch can't be imported twice.
import onnxruntime
import pytest
import torch

import archc.backends.onnx.save
import archc.backends.weights
import archc.testing.collection
from archc.checking.snapshots import updated
from archc.testing import numerics
from tests.checking.reading import Mistake
from tests.checking.test_formats import MISTAKES
from tests.conftest import Golden

pytest_plugins = ["pytester"]

REPOSITORY = Path(__file__).parents[2]
WRONG = Path(__file__).parent / "wrong_specs"
GOLDENS = Path(__file__).parent / "goldens"
OTHERS_OFF = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:benchmark"]
PLUGIN = [] if any(e.name == "archc" for e in entry_points(group="pytest11")) else ["-p", "archc.pytest_plugin"]

Run = Callable[..., pytest.RunResult]

TINY = """\
name: tiny
input: [3, 8, 8]
params: {width: 4}
variants:
  small:
  large: {width: 8}
body:
  conv: conv(width, 3, padding=1, bias=False)
  bn: batch_norm
  pool: global_avg_pool
  fc.out: conv(10, 1)
init:
  "fc.*.bias": zeros
expect:
  small: {params: 166, shape: [10, 1, 1]}
  large:
    params: "< 1k"
    keys: [conv.weight, bn.running_mean]
    at: {conv: {shape: [8, 8, 8]}}
    constraints: [width % 4 == 0]
"""
TESTS = [
    "tiny.yaml::small::compiles",
    "tiny.yaml::small::params",
    "tiny.yaml::small::shape",
    "tiny.yaml::small::module-equals-onnx",
    "tiny.yaml::small::gradients",
    "tiny.yaml::large::compiles",
    "tiny.yaml::large::params",
    "tiny.yaml::large::keys[0]",
    "tiny.yaml::large::keys[1]",
    "tiny.yaml::large::at conv shape",
    "tiny.yaml::large::constraints[0]",
    "tiny.yaml::large::module-equals-onnx",
    "tiny.yaml::large::gradients",
    "tiny.yaml::init",
]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "BUILD_NUMBER", "GITHUB_WORKSPACE", "PYTEST_ADDOPTS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """``run("specs")``: pytest with ``--archc``, within this process, in a folder of its own."""

    def call(*args: str | Path) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*PLUGIN, *OTHERS_OFF, "--archc", *args)

    return call


@pytest.fixture
def process(pytester: pytest.Pytester) -> Run:
    """The same in a process of its own, without ``--archc``."""

    def call(*args: str | Path) -> pytest.RunResult:
        return pytester.runpytest_subprocess(*PLUGIN, *OTHERS_OFF, *args)

    return call


def write(pytester: pytest.Pytester, **files: str) -> None:
    """``write(pytester, tiny=TINY)`` makes tiny.yaml; two underscores are a folder's slash."""
    for name, text in files.items():
        path = pytester.path / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def wrong(pytester: pytest.Pytester) -> None:
    copytree(WRONG, pytester.path / "specs", ignore=ignore_patterns(".*"))


def said(result: pytest.RunResult) -> list[Mistake]:
    """Every mistake in the output, as often as it is there."""
    heads = re.findall(r"^(?:error|warning)\[([a-z-]+)\].*\n *--> (.+):(\d+):\d+$", result.stdout.str(), re.MULTILINE)
    return sorted(Mistake(file, int(line), code) for code, file, line in heads)


def collected(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


# Mistakes


@pytest.mark.usefixtures("wrong")
def test_every_mistake_at_its_line_and_nothing_else(run: Run) -> None:
    result = run("specs", "-rA")
    assert said(result) == MISTAKES
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=6, passed=19, skipped=12)
    assert "Traceback" not in result.stdout.str() and "archc/" not in result.stdout.str()


@pytest.mark.usefixtures("wrong")
def test_every_mistake_once_where_workers_share_the_tests(process: Run) -> None:
    result = process("--archc", "--archc-no-numerics", "-n", "2", "--dist", "worksteal", "specs")
    assert said(result) == MISTAKES
    result.assert_outcomes(failed=6, passed=11, skipped=6)
    result.stdout.fnmatch_lines(["FAILED specs/budget.yaml::large::params - large: params is 20,042, *"])


@pytest.mark.usefixtures("wrong")
def test_what_failures_look_like(run: Run, golden: Golden) -> None:
    lines = run("specs", "--archc-no-numerics", "-rfs").outlines
    shown = lines[next(i for i, line in enumerate(lines) if "FAILURES" in line) :]
    golden(GOLDENS / "wrong_specs.pytest", re.sub(r" in [\d.]+s", " in … s", "\n".join(shown)) + "\n")


@pytest.mark.usefixtures("wrong")
def test_reports_name_the_line_of_the_mistake(run: Run, pytester: pytest.Pytester) -> None:
    run("specs", "--archc-no-numerics", "--junitxml=report.xml", "-o", "junit_family=xunit1")
    cases = ET.parse(pytester.path / "report.xml").iterfind(".//testcase[failure]")
    found = [(case.get("name"), case.get("file"), int(case.get("line") or 0) + 1) for case in cases]
    assert found == [
        ("params", "specs/budget.yaml", 22),
        ("params", "specs/figures.yaml", 12),
        ("at conv3 params", "specs/figures.yaml", 14),
        ("constraints[0]", "specs/figures.yaml", 16),
        ("compiles", "specs/names.yaml", 6),
        ("compiles", "specs/wiring.yaml", 13),
    ]


@pytest.mark.usefixtures("wrong")
def test_a_mistake_is_told_by_whichever_variant_is_asked_for(run: Run) -> None:
    result = run("specs", "-k", "wide and compiles")
    assert said(result) == [m for m in MISTAKES if m.file == "specs/wiring.yaml"]
    result.assert_outcomes(failed=1, deselected=36)


@pytest.mark.usefixtures("wrong")
def test_other_variants_with_the_mistake_say_whose_it_is(run: Run) -> None:
    result = run("specs/wiring.yaml", "-rs", "--archc-no-numerics")
    result.stdout.fnmatch_lines(
        [
            "SKIPPED [[]2[]] specs/wiring.yaml:25: narrow does not compile",
            "SKIPPED [[]1[]] specs/wiring.yaml:7: has the mistakes of specs/wiring.yaml::narrow::compiles",
            "SKIPPED [[]1[]] specs/wiring.yaml:26: wide does not compile",
        ]
    )


def test_a_file_that_can_t_be_read_is_one_test_which_its_variants_select(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=TINY.replace("expect:", "expects:"), torn="name: torn\nbody:\n  conv: {conv(3)\n")
    result = run()
    assert said(result) == [Mistake("tiny.yaml", 14, "unknown-key"), Mistake("torn.yaml", 4, "yaml-syntax")]
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["FAILED tiny.yaml::reads *", "FAILED torn.yaml::reads *"])
    run("-k", "large").assert_outcomes(failed=1, deselected=1)


def test_a_mistake_in_a_block_that_several_files_use_is_told_once(run: Run, pytester: pytest.Pytester) -> None:
    use = "input: [3, 8, 8]\nuse:\n  ./common.yaml: [unit]\nbody:\n  unit: unit(4)\n"
    common = "blocks:\n  unit(width): conv(width, kernel_sise=3)\n"
    write(pytester, a=use, b=use, common=common)
    result = run("--archc-no-numerics")
    assert said(result) == [Mistake("common.yaml", 2, "unknown-argument")]
    result.assert_outcomes(failed=1, passed=1, skipped=1)
    write(pytester, common="blocks:\n  unit(width: conv(width, 3)\n")
    result = run("--archc-no-numerics")
    assert said(result) == [Mistake("common.yaml", 2, "bad-header")]
    result.assert_outcomes(failed=1, skipped=2)


def test_two_figures_at_one_wrong_path_are_one_mistake(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=TINY.replace("{conv: {shape", "{convo: {macs: 3, params: 4, shape"))
    result = run("--archc-no-numerics", "-k", "convo")
    assert said(result) == [Mistake("tiny.yaml", 19, "unknown-path")]
    result.assert_outcomes(failed=1, skipped=2, deselected=9)


def test_a_pattern_that_matches_no_weight_is_a_mistake(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=TINY.replace('"fc.*.bias"', '"fc.bias"'))
    result = run("--archc-no-numerics")
    assert said(result) == [Mistake("tiny.yaml", 13, "no-match")]
    result.assert_outcomes(failed=1, passed=9)


def test_a_table_kept_beside_the_spec_is_held_to(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=TINY)
    file, _ = archc.open_spec(pytester.path / "tiny.yaml")
    updated(file.path, [file.compile(name).graph for name in file.variants])
    run("-k", "table").assert_outcomes(passed=1, deselected=14)
    write(pytester, tiny=TINY.replace("width: 8", "width: 12"))
    result = run("-k", "table")
    result.assert_outcomes(failed=1, deselected=14)
    (mistake,) = said(result)
    table = (pytester.path / mistake.file).read_text().splitlines()
    assert mistake[::2] == ("tiny.table.md", "stale-snapshot") and "conv" in table[mistake.line - 1]
    result.stdout.fnmatch_lines(
        ["   = @@*", "     -| `conv` |*8 × 8 × 8*", "     +| `conv` |*12 × 8 × 8*", "   = help: `archc check *"]
    )


# What is collected


def test_each_variant_and_each_line_of_expect_is_a_test(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=TINY)
    assert collected(run("--collect-only", "-q")) == TESTS
    result = run("-W", "error", "--strict-markers", "--strict-config", "--import-mode=importlib")
    result.assert_outcomes(passed=len(TESTS))
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("args", "kept"),
    [
        (["-k", "large and keys"], ["tiny.yaml::large::keys[0]", "tiny.yaml::large::keys[1]"]),
        (["-k", "small and not (gradients or onnx)"], TESTS[:3]),
        (["-m", "archc_numeric"], [t for t in TESTS if "onnx" in t or "gradients" in t]),
        (["-m", "archc and not archc_numeric", "-k", "small"], TESTS[:3]),
        (["tiny.yaml::large::at conv shape"], ["tiny.yaml::large::at conv shape"]),
        (["tiny.yaml::small"], TESTS[:5]),
        (["--archc-no-numerics", "tiny.yaml::small"], TESTS[:3]),
        (["-o", "archc_numerics=false", "tiny.yaml::small"], TESTS[:3]),
    ],
)
def test_tests_are_selected_as_any(run: Run, pytester: pytest.Pytester, args: list[str], kept: list[str]) -> None:
    write(pytester, tiny=TINY)
    assert collected(run("--collect-only", "-q", *args)) == kept


def test_a_selection_of_nothing_is_no_success(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=TINY)
    assert run("-k", "huge").ret == pytest.ExitCode.NO_TESTS_COLLECTED


OTHERS = {
    "docker-compose": "services:\n  web:\n    image: nginx\n    expect:\n      - 80\n",
    ".hidden": TINY,
    ".github/workflows/ci": "name: ci\non: [push]\njobs:\n  test:\n    body: x\n",
    "mkdocs": "site_name: x\nnav:\n  - Home: index.md\n",
}


def test_other_yaml_is_left_alone_unless_it_is_named(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=TINY, **OTHERS)
    (pytester.path / "blocks.yml").write_text("blocks:\n  unit(n): conv(n, 3)\n")
    (pytester.path / "notes.txt").write_text(TINY)
    assert collected(run("--collect-only", "-q")) == ["blocks.yml::reads", *TESTS]
    run("blocks.yml").assert_outcomes(passed=1)
    assert collected(run("--collect-only", "-q", ".hidden.yaml", "docker-compose.yaml")) == [
        *(test.replace("tiny", ".hidden") for test in TESTS),
        "docker-compose.yaml::reads",
    ]


def test_settings_that_mean_nothing_are_refused(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=TINY)
    for setting in ("archc_size=wide", "archc_memory=much"):
        result = run("-o", setting)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"ERROR: {setting.partition('=')[0]} is a *"])


# In others' projects

CONFTEST = """
import pytest

def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("archc_numeric"):
            item.add_marker(pytest.mark.skip(reason="not today"))

def pytest_collect_file(file_path, parent):
    assert file_path.suffix != ".ini"

@pytest.fixture(autouse=True)
def mine(request):
    assert request.function.__name__ == "test_mine"
"""


def test_beside_tests_and_hooks_of_the_project(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, specs__tiny=TINY)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("def test_mine(): pass")
    result = run()
    result.assert_outcomes(passed=1 + len(TESTS) - 4, skipped=4)
    assert result.ret == pytest.ExitCode.OK


def test_a_suite_that_does_not_ask_pays_nothing(process: Run, pytester: pytest.Pytester) -> None:
    write(pytester, specs__tiny=TINY)
    pytester.makepyfile(
        """
        import sys

        def test_mine():
            assert {m for m in sys.modules if m.partition(".")[0] == "archc"} == {
                "archc", "archc.pytest_plugin", "archc.version"
            }
            assert not {"torch", "numpy", "onnx", "onnxruntime", "pydantic_core", "yaml", "click"} & set(sys.modules)
        """
    )
    result = process("-W", "error", "-p", "no:xdist")
    result.assert_outcomes(passed=1)
    assert "archc_numeric" in process("--markers").stdout.str()


def test_archc_itself_is_imported_by_name_when_it_is_asked_for() -> None:
    code = """
import sys, archc
assert "archc.compiler" not in sys.modules
assert set(archc.__all__) <= set(dir(archc))
assert archc.compile.__module__ == "archc.network" and archc.compile is archc.compile
try:
    archc.compule
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "module 'archc' has no attribute 'compule'\n"


# Warnings

UNUSED = TINY.replace("init:", "outputs: {y: pool}\ninit:").replace(", shape: [10, 1, 1]", "")


def test_what_archc_warns_of_is_a_warning_at_its_line(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=UNUSED)
    result = run("-k", "compiles", "-W", "always")
    result.assert_outcomes(passed=2, warnings=2, deselected=11)
    result.stdout.fnmatch_lines(
        ["*tiny.yaml:11: SpecWarning: no output needs `fc`, which has weights (unused-weights)"]
    )
    result = run("-k", "compiles", "-W", "error::archc.testing.SpecWarning")
    assert said(result) == 2 * [Mistake("tiny.yaml", 11, "unused-weights")]
    result.assert_outcomes(failed=2, deselected=11)


# Numbers


def test_a_parameter_without_a_gradient_is_named(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=UNUSED)
    result = run("-k", "small and gradients", "-W", "ignore::archc.testing.SpecWarning")
    assert said(result) == 2 * [Mistake("tiny.yaml", 11, "bad-gradient")]
    result.stdout.fnmatch_lines(["error[[]bad-gradient[]]: `fc.out.weight` gets no gradient"])


def test_outputs_of_training_alone_give_gradients(run: Run, pytester: pytest.Pytester) -> None:
    aux = TINY.replace(
        "init:", "  aux <- pool: conv(3, 1)\noutputs: {y: fc.out}\ntrain_outputs: {y: fc.out, aux: aux}\ninit:"
    )
    write(pytester, tiny=aux)
    run("-k", "gradients or onnx", "-W", "error").assert_outcomes(passed=4, deselected=10)


def test_gradients_that_overflow_are_named_and_counted(run: Run, pytester: pytest.Pytester) -> None:
    layers = "".join(f"  conv{i}: conv(4, 1)\n  grow{i}: scale(1.0e+20)\n" for i in range(4))
    write(pytester, grown=f"name: grown\ninput: [3, 4, 4]\nbody:\n{layers}")
    result = run("-k", "gradients")
    found = said(result)
    assert {m.code for m in found} == {"bad-gradient"} and found[0] == Mistake("grown.yaml", 4, "bad-gradient")
    assert len(found) == 5
    result.stdout.fnmatch_lines(["*`conv0.weight` gets a gradient that is not finite", "*= and * more parameters"])


def test_a_module_that_is_not_its_onnx_is_found_out(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(self: archc.Network, path: Path, *, weights: dict[str, torch.Tensor]) -> None:
        real(self, path, weights={**weights, "bn.running_mean": 1.001 * weights["bn.running_mean"]})

    real = archc.Network.onnx
    write(pytester, tiny=TINY)
    monkeypatch.setattr(archc.Network, "onnx", off)
    result = run("-k", "onnx")
    assert said(result) == [Mistake("tiny.yaml", 5, "onnx-differs"), Mistake("tiny.yaml", 6, "onnx-differs")]
    result.stdout.fnmatch_lines(["  = `output` differs by *e-* of its norm, more than 1e-05"])


def test_constants_that_weights_start_as_hide_nothing() -> None:
    module = torch.nn.BatchNorm2d(3)
    numerics._perturb(module)
    for name, tensor in module.state_dict().items():
        assert name == "num_batches_tracked" or len(tensor.unique()) == 3, name
    assert bool((module.running_var > 0.5).all())


@pytest.mark.parametrize("library", ["torch", "onnxruntime", "onnx"])
def test_what_is_not_installed_skips_with_how_to_get_it(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    write(pytester, tiny=TINY)
    monkeypatch.setitem(sys.modules, library, None)
    if library == "onnx":
        for name in [name for name in sys.modules if name.startswith("archc.backends.onnx.")]:
            monkeypatch.delitem(sys.modules, name)
    result = run("-k", "small and (onnx or gradients)", "-rs")
    extra = {"onnxruntime": "runtime"}.get(library, library)
    result.stdout.fnmatch_lines([f"SKIPPED * tiny.yaml:5: this needs {library}: pip install 'archc[[]{extra}[]]'"])
    skipped = 2 if library == "torch" else 1
    result.assert_outcomes(skipped=skipped, passed=2 - skipped, deselected=12)


def test_networks_that_need_much_memory_are_left_to_who_asks(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, tiny=TINY)
    pytester.makeini("[pytest]\narchc_memory = 4Ki\n")
    result = run("-rs", "-k", "large")
    result.assert_outcomes(passed=6, skipped=2, deselected=6)
    result.stdout.fnmatch_lines(["*running it takes about * and archc_memory is 4.0 KiB: --archc-large runs it"])
    run("--archc-large", "-k", "large").assert_outcomes(passed=8, deselected=6)


def test_inputs_are_made_smaller_where_the_network_allows_it(pytester: pytest.Pytester) -> None:
    write(
        pytester, tiny=TINY.replace("[3, 8, 8]", "[3, 200, 300]"), wide="input: [3, 64, 96]\nbody:\n  c: conv(2, 40)\n"
    )
    for name, size, shape in [
        ("tiny", 32, (3, 32, 32)),
        ("tiny", 256, (3, 200, 256)),
        ("tiny", None, (3, 200, 300)),
        ("wide", 32, (3, 64, 96)),
        ("wide", 48, (3, 48, 48)),
    ]:
        file, _ = archc.open_spec(pytester.path / f"{name}.yaml")
        graph = numerics.network_of(file, file.variants[0], size).graph
        assert graph.inputs["x"].shape.dims == shape, (name, size)


def test_the_size_of_inputs_is_a_setting(run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def differing(network: archc.Network) -> list[str]:
        seen.append(network.graph.inputs["x"].shape.dims)
        return []

    write(pytester, tiny=TINY)
    monkeypatch.setattr(numerics, "differing", differing)
    pytester.makeini("[pytest]\narchc_size = 6\n")
    run("-k", "small and onnx").assert_outcomes(passed=1, deselected=13)
    run("-k", "small and onnx", "--archc-size", "5").assert_outcomes(passed=1, deselected=13)
    assert seen == [(3, 6, 6), (3, 5, 5)]


@pytest.mark.parametrize("run_it", [numerics.differing, numerics.without_gradient])
def test_a_network_is_let_go_of_once_it_was_run(
    monkeypatch: pytest.MonkeyPatch, run_it: Callable[[archc.Network], object]
) -> None:
    made: list[weakref.ref[torch.nn.Module]] = []

    def module(self: archc.Network) -> torch.nn.Module:
        made.append(weakref.ref(network := real(self)))
        return network

    real = archc.Network.module
    monkeypatch.setattr(archc.Network, "module", module)
    assert run_it(archc.compile(REPOSITORY / "specs/models/lenet.yaml", variant="lenet5_mnist")) == []
    assert [one() for one in made] == [None]


def test_the_random_numbers_of_the_suite_are_its_own() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    assert numerics.differing(archc.compile(REPOSITORY / "specs/models/lenet.yaml", variant="lenet5_mnist")) == []
    assert torch.equal(torch.rand(3), expected)
    assert onnxruntime.__version__
