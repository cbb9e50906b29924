"""Specs made to hurt: each ends in a diagnostic, within bounds of time and memory, and nothing of it is executed.

Every spec is checked in a process of its own, so that its memory is measured and a crash is seen.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.slow

SECONDS = 20  # of processor time, after which the kernel kills it; `make bench` has the 2 s that are wanted
MEGABYTES = 500
HEAD = "name: mine\ninput: [3, 8, 8]\n"
BODY = "body:\n  - relu\n"

# Runs the command in a child of bounded processor time and writes its code and kilobytes to stderr's last line.
MEASURE = f"""
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
code = subprocess.run(sys.argv[1:], timeout=60).returncode
print(f"{{code}} {{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}}", file=sys.stderr)
"""


class Outcome(NamedTuple):
    code: int
    text: str
    megabytes: float


def check(path: Path | str, cwd: Path) -> Outcome:
    """`archc check` of one file, measured."""
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "archc", "check", str(path)]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "NO_COLOR": "1"}
    run = subprocess.run(command, capture_output=True, cwd=cwd, env=environment, timeout=90, check=True)
    lines = (run.stderr + run.stdout).decode("utf-8", "strict")
    code, kilobytes = run.stderr.decode().rstrip().rsplit("\n", 1)[-1].split()
    return Outcome(int(code), lines, int(kilobytes) / 1024)


def assert_bounded(outcome: Outcome, cwd: Path) -> None:
    """The spec was refused with a diagnostic, cheaply, and nothing ran."""
    assert "Traceback" not in outcome.text, outcome.text[-3000:]
    assert outcome.code == 2, outcome.text[-3000:]
    assert "error[" in outcome.text, outcome.text[-3000:]
    assert len(outcome.text) < 50_000
    assert outcome.megabytes < MEGABYTES, f"{outcome.megabytes:.0f} MB"
    assert not (cwd / "hacked").exists()


def _bomb(levels: int = 12) -> str:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return HEAD + "params:\n" + "".join(f"  {line}\n" for line in lines) + BODY


def _let(expression: str) -> str:
    return (
        f"{HEAD}let:\n  a: {expression!r}\n{BODY}"
        if "'" not in expression
        else f'{HEAD}let:\n  a: "{expression}"\n{BODY}'
    )


def _loops(depth: int, size: int, body: str) -> str:
    """Loops in loops."""
    lines = [f"{'  ' * (i + 1)}for i{i} in range({size}):" for i in range(depth)]
    return HEAD + "body:\n" + "\n".join([*lines, "  " * (depth + 1) + body]) + "\n  last: relu\n"


HACK = "__import__('os').system('touch hacked')"

TEXTS: dict[str, Callable[[], str]] = {
    "alias_bomb": _bomb,
    "alias_bomb_in_mappings": lambda: (
        HEAD
        + "params:\n  a0: &a0 {k: 1}\n"
        + "".join(f"  a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}\n" for i in range(1, 40))
        + BODY
    ),
    "alias_of_itself": lambda: f"{HEAD}params:\n  a: &a [*a]\n{BODY}",
    "many_aliases": lambda: f"{HEAD}params:\n  a: &a 1\n  b: [{', '.join(['*a'] * 50_000)}]\n{BODY}",
    "power_tower": lambda: _let("9**9**9"),
    "power_of_powers": lambda: _let("(((2**60)**60)**60)**60"),
    "negative_power": lambda: _let("2**-9**9**9"),
    "float_power": lambda: _let("1e300**1e300"),
    "big_product": lambda: _let("*".join(["9" * 18] * 200)),
    "shift": lambda: _let("1 << 10**12"),
    "big_number": lambda: _let("9" * 9_000),
    "big_number_in_yaml": lambda: f"{HEAD}params:\n  a: {'9' * 900_000}\n{BODY}",
    "big_exponent": lambda: f"{HEAD}params:\n  a: 1e999999999\nbody:\n  - scale(a)\n",
    "range": lambda: _let("range(10**12)"),
    "range_in_for": lambda: f"{HEAD}body:\n  for i in range(10**12):\n    - relu\n",
    "nested_ranges": lambda: _let("[[[range(1000) for a in range(1000)] for b in range(1000)] for c in range(1000)]"),
    "long_comprehension": lambda: _let("sum(1 " + " ".join(f"for v{i} in range(100)" for i in range(20)) + ")"),
    "comprehension_that_builds_nothing": lambda: _let("[1 " + "for a in range(1000) " * 5 + "if false]"),
    "text_product": lambda: _let("'a' * 10**10"),
    "text_doubling": lambda: _let("+".join(["'" + "a" * 90 + "'"] * 50) + " * 1000"),
    "list_product": lambda: _let("[0] * 10**10"),
    "list_doubling": lambda: (
        HEAD + "let:\n  a0: list([1, 2, 3])\n" + "".join(f"  a{i}: a{i - 1} + a{i - 1}\n" for i in range(1, 60)) + BODY
    ),
    "list_in_list_doubling": lambda: (
        HEAD
        + "let:\n  a0: list([1])\n"
        + "".join(f"  a{i}: list([a{i - 1}, a{i - 1}])\n" for i in range(1, 200))
        + "  b: a199 == list(a199)\n  c: set(a199 + a199)\nbody:\n  - reshape(a199)\n"
    ),
    "sorting": lambda: (
        HEAD
        + "let:\n  a: reversed(range(90000))\n"
        + "".join(f"  b{i}: sorted(reversed(a + []))\n" for i in range(500))
        + BODY
    ),
    "set_of_lists": lambda: _let("len(set([[i] for i in range(90000)]))"),
    "membership": lambda: _let("sum(i in range(90000) for i in range(90000))"),
    "sums": lambda: _let("sum(sum(range(90000)) for i in range(90000))"),
    "slices": lambda: HEAD + "let:\n  a: range(90000)\n  b: sum(len(a[:]) for i in range(90000))\n" + BODY,
    "comparisons": lambda: HEAD + "let:\n  a: range(90000)\n  b: sum(a == list(a) for i in range(90000))\n" + BODY,
    "deep_expression": lambda: _let("(" * 4_000 + "1" + ")" * 4_000),
    "deep_lists_in_expression": lambda: _let("[" * 4_000 + "]" * 4_000),
    "deep_signs": lambda: _let("-" * 9_000 + "1"),
    "deep_not": lambda: _let("not " * 2_000 + "1"),
    "deep_calls": lambda: _let("abs(" * 2_000 + "1" + ")" * 2_000),
    "long_sum": lambda: _let("+".join(["1"] * 4_900)),
    "deep_conditions": lambda: _let("1 if 1 else " * 800 + "1"),
    "deep_subscripts": lambda: _let("a" + "[0]" * 3_000),
    "flow_lists": lambda: HEAD + "params:\n  a: " + "[" * 10_000 + "]" * 10_000 + "\n" + BODY,
    "open_flow_lists": lambda: HEAD + "params:\n  a: " + "[" * 100_000,
    "flow_mappings": lambda: HEAD + "params:\n  a: " + "{a: " * 10_000 + "1" + "}" * 10_000 + "\n" + BODY,
    "block_lists": lambda: HEAD + "body:\n  " + "- " * 10_000 + "relu\n",
    "block_mappings": lambda: HEAD + "body:\n" + "".join(f"{' ' * (i + 1)}a:\n" for i in range(1_300)),
    "list_as_key": lambda: HEAD + "body:\n  " + "? " * 10_000 + "a\n",
    "a_billion_layers": lambda: _loops(3, 1000, "- relu").replace("  last: relu\n", ""),
    "loops_that_build_nothing": lambda: _loops(12, 50, "if false: relu"),
    "empty_loops": lambda: _loops(40, 90, "let: {a: 1}"),
    "doubling_blocks": lambda: (
        HEAD
        + "blocks:\n  b0: conv(3, 1)\n"
        + "".join(f"  b{i}:\n    - b{i - 1}\n    - b{i - 1}\n" for i in range(1, 50))
        + "body:\n  - b49\n"
    ),
    "doubling_blocks_that_build_nothing": lambda: (
        HEAD
        + "blocks:\n  b0:\n    if false: relu\n"
        + "".join(f"  b{i}:\n    - b{i - 1}\n    - b{i - 1}\n" for i in range(1, 50))
        + "body:\n  - b49\n  - relu\n"
    ),
    "recursion": lambda: f"{HEAD}blocks:\n  a: b\n  b: a\nbody:\n  - a\n",
    "recursion_with_growth": lambda: f"{HEAD}blocks:\n  a(n):\n    - a(n + 1)\n    - a(n + 2)\nbody:\n  - a(0)\n",
    "recursion_in_a_default": lambda: f"{HEAD}blocks:\n  a(f=a): f\nbody:\n  - a\n",
    "recursion_by_argument": lambda: f"{HEAD}blocks:\n  a(f): f(f)\nbody:\n  - a(a)\n",
    "many_inputs": lambda: f"{HEAD}body:\n  all <- {', '.join(['x'] * 300_000)}: concat\n",
    "list_of_tensors_doubling": lambda: (
        HEAD
        + "body:\n  a0 <- x, x: tuple\n"
        + "".join(f"  a{i} <- a{i - 1}, a{i - 1}: tuple\n" for i in range(1, 60))
        + "  y <- a59: concat\n"
    ),
    "chunks": lambda: "input: [10000000, 1, 1]\nname: mine\nbody:\n  a: chunk(10000000)\n  y <- a: add\n",
    "a_huge_layer": lambda: f"{HEAD}body:\n" + "  - conv(9000000000000000000, 1)\n" * 5,
    "a_huge_input": lambda: f"name: mine\ninput: [{', '.join(['9' * 18] * 1000)}]\nbody:\n  - relu\n  - relu6(\n",
    "shape_doubling": lambda: (
        HEAD + "body:\n" + "".join("  - conv(x.channels * 9, 1)\n  - upsample(1000000)\n" for _ in range(40))
    ),
    "affine_of_a_million": lambda: (
        "input: [1000000, 1, 1]\nname: mine\nbody:\n" + "  - channel_affine([1.0] * 1000000, [0.0] * 1000000)\n" * 3
    ),
    "many_mistakes": lambda: HEAD + "body:\n" + "".join(f"  a{i}: rellu\n" for i in range(40_000)),
    "many_names_to_guess_among": lambda: (
        HEAD
        + "params:\n"
        + "".join(f"  parameter_number_{i}: 1\n" for i in range(20_000))
        + "body:\n"
        + "".join(f"  a{i}: conv(parameter_numbr_{i}, 1)\n" for i in range(2_000))
    ),
    "long_name_to_guess": lambda: HEAD + "params:\n  " + "a" * 900 + ": 1\nbody:\n  - conv(" + "b" * 9_000 + ", 1)\n",
    "templates": lambda: f'{HEAD}body:\n  "{"${1}" * 200_000}": relu\n',
    "templates_that_grow": lambda: (
        f'{HEAD}body:\n  "{"${" + repr("a" * 9_000).replace(chr(39), chr(39)) + "}"}{"${1 + }" * 50_000}": relu\n'
    ),
    "open_templates": lambda: f'{HEAD}body:\n  "{"${" * 200_000}": relu\n',
    "long_text": lambda: f"{HEAD}body:\n  - '{'a' * 1_000_000}'\n",
    "long_plain_text": lambda: f"{HEAD}body:\n  - {'a ' * 500_000}\n",
    "chunks_within_bounds": lambda: (
        "input: [1000000, 1, 1]\nname: mine\nbody:\n" + "  - slice(0)\n  - chunk(1000000)\n" * 3
    ),
    "deeply_nested_value": lambda: (
        HEAD
        + "let:\n  a0: list([1])\n"
        + "".join(f"  a{i}: list([a{i - 1}])\n" for i in range(1, 5000))
        + "  b: a4999 == list(a4999)\n  c: set([a4999])\nbody:\n  - reshape(a4999)\n"
    ),
    "equal_lists": lambda: _let("len(set([list(range(90)) + [i] for i in range(1000)])) + 'a'"),
    "long_key": lambda: f"{HEAD}body:\n  {'a' * 1_000}: relu\n  ? {'b' * 900_000}\n  : relu\n",
    "long_dotted_name": lambda: f"{HEAD}body:\n  ? {'a.' * 200_000}a\n  : relu\n",
    "variants": lambda: HEAD + "variants:\n" + "".join(f"  v{i}: {{}}\n" for i in range(1_000_000)) + BODY,
    "many_variants": lambda: HEAD + "variants:\n" + "".join(f"  v{i}: {{a: 1}}\n" for i in range(40_000)) + BODY,
    "many_patterns": lambda: (
        HEAD
        + "init:\n"
        + "".join(f"  '{'*a' * 200}.{i}': zeros\n" for i in range(500))
        + f"body:\n  {'a' * 900}: conv(4, 1)\n"
    ),
    "headers": lambda: f'{HEAD}blocks:\n  "b({", ".join(f"p{i}={i}" for i in range(50_000))})": relu\n{BODY}',
    "nul": lambda: f"{HEAD}body:\n  - re\0lu\n",
    "nul_alone": lambda: "\0" * 100_000,
    "bell": lambda: f"{HEAD}body:\n  - re\x07lu\n",
    "escape_sequences": lambda: f'{HEAD}body:\n  - "re\\x1b[2Jlu"\n',
    "a_python_tag": lambda: f"{HEAD}body: !!python/object/apply:os.system ['touch hacked']\n",
    "an_import": lambda: f'{HEAD}let:\n  a: "{HACK}"\n{BODY}',
    "an_import_in_a_template": lambda: f'{HEAD}body:\n  "a${{{HACK}}}": relu\n',
    "an_import_in_a_condition": lambda: f'{HEAD}body:\n  "if {HACK}": relu\n  b: relu\n',
    "an_import_in_a_default": lambda: f'{HEAD}blocks:\n  "b(a={HACK})": relu\nbody:\n  - b\n',
    "an_import_as_initialiser": lambda: f'{HEAD}init:\n  conv: "{HACK}"\n{BODY}',
    "classes": lambda: _let("[].__class__.__base__.__subclasses__()"),
    "attributes_of_functions": lambda: _let("len.__self__.exec"),
    "format": lambda: _let("'{0.__class__}'.format(1)"),
    "lambda": lambda: _let("(lambda: 1)()"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(TEXTS[name]().encode("utf-8"))
    assert_bounded(check(path, tmp_path), tmp_path)


BYTES = {
    "latin1": b"name: caf\xe9\ninput: [3, 8, 8]\nbody:\n  - relu\n",
    "cut_utf8": HEAD.encode() + b"body:\n  - \xe2\x82",
    "surrogates": HEAD.encode() + b"body:\n  - \xed\xa0\x80\n",
    "utf16": (HEAD + BODY).encode("utf-16"),
    "utf32": (HEAD + BODY).encode("utf-32"),
    "random": bytes((i * 7919 + i // 3) % 256 for i in range(50_000)),
    "gzip": b"\x1f\x8b\x08\x00" + b"\0" * 100,
    "empty": b"",
    "blank": b"\n\n   \n# nothing\n",
    "bom_alone": b"\xef\xbb\xbf",
    "two_boms": b"\xef\xbb\xbf\xef\xbb\xbfname: mine\nbody:\n  - rellu\n",
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(BYTES[name])
    assert_bounded(check(path, tmp_path), tmp_path)


def test_one_bom_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + BODY).encode())
    assert check(path, tmp_path).code == 0


def test_many_layers_that_nothing_needs(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    junk = "  junk <- x:\n    for i in range(9000): conv(3, 1)\n"
    path.write_text(f"{HEAD}body:\n  a: relu\n{junk}  out <- a: relu\n")
    outcome = check(path, tmp_path)
    assert outcome.code == 0
    assert outcome.text.count("warning[unused-weights]") == 1


def test_a_file_of_100_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with path.open("wb") as file:
        file.write((HEAD + "body:\n").encode())
        for _ in range(100):
            file.write(b"  - relu\n" * (1_000_000 // 9))
    assert path.stat().st_size > 99_000_000
    assert_bounded(check(path, tmp_path), tmp_path)


def _use(path: str) -> str:
    return f"{HEAD}use:\n  {path}: [b]\nbody:\n  - b\n"


@pytest.mark.parametrize(
    "path",
    [
        "./link.yaml",
        "./folder",
        "./fifo",
        "./device.yaml",
        "./huge.yaml",
        "./missing.yaml",
        "./self.yaml",
        "./../../../../../../../../etc/passwd",
        "../../../../etc/passwd",
        "blocks/../../../etc/passwd",
        "/etc/passwd",
        "/dev/zero",
        "''",
        ".",
        "./nul\\0.yaml",
    ],
)
@pytest.mark.parametrize("key", ["use", "labels"])
def test_files_that_a_spec_names(path: str, key: str, tmp_path: Path) -> None:
    """No file outside what a spec may read is shown, none blocks, and none is read without end."""
    (tmp_path / "link.yaml").symlink_to(tmp_path / "link2.yaml")
    (tmp_path / "link2.yaml").symlink_to(tmp_path / "link.yaml")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "device.yaml").symlink_to("/dev/zero")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(1 << 32)
    quoted = path if path.startswith("'") else f'"{path}"'
    text = _use(quoted) if key == "use" else f"{HEAD}labels: {quoted}\nbody:\n  - flatten\n  - linear(10)\n"
    (tmp_path / "self.yaml").write_text(_use("./self.yaml"))
    (tmp_path / "mine.yaml").write_text(text)
    outcome = check("mine.yaml", tmp_path)
    assert_bounded(outcome, tmp_path)
    assert "root:" not in outcome.text, "what stands in a foreign file is nobody's business"


@pytest.mark.parametrize("kind", ["folder_named_yaml", "fifo", "missing", "device"])
def test_what_is_no_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    if kind == "folder_named_yaml":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    outcome = check(path, tmp_path)
    assert "Traceback" not in outcome.text
    assert outcome.code == 2
    assert outcome.megabytes < MEGABYTES
