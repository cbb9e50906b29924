# The README's two commands, and a few for people who work on archc. Each installs what it needs into .venv first.

PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
JOBS ?= 2

.PHONY: demo test lint types imports pytest specs bench gpu-check generated goldens zoo clean

demo: .venv/.runs  ## summarise ResNet-50, build it to source and ONNX, run both on one input
	$(BIN)/python tests/demo.py

test: lint types imports pytest specs  ## all that CI checks

lint: .venv/.develops
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.develops
	$(BIN)/pyright --pythonpath $(BIN)/python

imports: .venv/.develops
	$(BIN)/lint-imports

pytest: .venv/.develops
	$(PYTEST) -n $(JOBS)

specs: .venv/.develops  ## the library by archc's own plugin, small; the numbers of its large networks are for tests/zoo
	$(PYTEST) -n $(JOBS) --archc --archc-size 64 -o archc_memory=1Gi specs

bench: .venv/.develops  ## ratios against torchinfo, torch.onnx.export and torchvision; prints a table, keeps nothing
	$(BIN)/python -m pytest tests/benchmarks -o python_files='bench_*.py' -p no:xdist -p no:cacheprovider -q

# What needs a CUDA device: its tests, and one table, which goes into the README. On a machine without network, with
# what its Python has: make gpu-check GPU_PYTHON=python3. A test that fails, or a library that warns there and nowhere
# else, does not keep the table from being measured; build/gpu-check.json has what was.
GPU_PYTHON ?= $(BIN)/python
gpu-check: $(if $(filter $(BIN)/python,$(GPU_PYTHON)),.venv/.cuda)
	$(GPU_PYTHON) -m tests.gpu --check
	@code=0; \
	$(GPU_PYTHON) -m pytest -m gpu -W default --continue-on-collection-errors -p no:cacheprovider $$(grep -rl 'mark\.gpu' tests --include='test_*.py') || code=1; \
	mkdir -p build && $(GPU_PYTHON) -m tests.gpu --readme README.md --out build/gpu-check.json || code=1; \
	exit $$code

generated: .venv/.develops  ## write generated/ anew
	$(BIN)/python -m tests.generated

zoo: .venv/.develops  ## run all of torchvision at full size, and write specs/README.md with what was measured; needs 16 GiB
	$(BIN)/python -m pytest -p tests.zoo.table tests/zoo/test_torchvision.py -m "" -q

goldens: .venv/.develops  ## write the goldens of the tests anew; read the diff
	$(PYTEST) -n $(JOBS) --update-goldens

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/.made:
	@command -v $(PYTHON) >/dev/null || { echo "archc needs Python 3.11 or newer: no $(PYTHON) here (make PYTHON=python3 …)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) -m venv failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

# torch first and by its pinned version, so that nothing else brings another one along.
.venv/.runs: .venv/.made pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) -e '.[onnx,torch,runtime]'
	@touch $@

.venv/.develops: .venv/.runs pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	@touch $@

# CUDA's libraries, where there is a driver to use them; torch's wheel brings most of them itself.
.venv/.cuda: .venv/.develops
	@if $(BIN)/python -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2>/dev/null; then \
		$(PIP) 'onnxruntime-gpu[cuda,cudnn]' && touch $@; fi
