"""What onnxruntime makes of models before it runs them: the nodes of its optimised graph, and who would run each.

That goes for CUDA too, without a GPU, by the stand-ins of ``tests.kernels.standins``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import onnx

from tests.kernels import standins

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

_PROGRAM = """
import json, pathlib, sys
import onnxruntime as ort
folder, provider, options = pathlib.Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
placed = {}
if sys.argv[5] == "real" and hasattr(ort, "preload_dlls"):
    ort.preload_dlls()
for path in sorted(folder.glob("*.onnx")):
    chosen = ort.SessionOptions()
    chosen.log_severity_level = 4
    chosen.intra_op_num_threads = 1
    chosen.optimized_model_filepath = str(path.with_suffix(".optimised"))
    chosen.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    chosen.graph_optimization_level = getattr(ort.GraphOptimizationLevel, sys.argv[4])
    try:
        session = ort.InferenceSession(str(path), chosen, providers=[(provider, options)])
        assigned = session.get_provider_graph_assignment_info()
    except Exception as error:
        placed[path.stem] = {"error": str(error)}
        continue
    elsewhere = [node.op_type for part in assigned for node in part.get_nodes() if part.ep_name != provider]
    placed[path.stem] = {"elsewhere": elsewhere}
print(json.dumps(placed))
"""


class Plan(NamedTuple):
    """``nodes`` are those of the optimised graph, in order; ``elsewhere`` those that the CPU would run.

    ``error`` is why onnxruntime would not take the model.
    """

    nodes: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    error: str = ""


def plans(
    models: Mapping[str, onnx.ModelProto],
    provider: str = CPU,
    *,
    optimise: bool = True,
    real: bool = False,
    **options: str,
) -> dict[str, Plan]:
    """By name of the model. An operator of a domain other than ONNX's is written ``domain:Operator``.

    ``real``: with NVIDIA's own libraries, on a GPU.
    """
    keys = {f"{i:04}": name for i, name in enumerate(models)}
    level = "ORT_ENABLE_ALL" if optimise else "ORT_DISABLE_ALL"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for key, model in keys.items():
            onnx.save(models[model], folder / f"{key}.onnx")
        said = standins.run(_PROGRAM, name, provider, json.dumps(options), level, "real" if real else "", real=real)
        found = json.loads(said.splitlines()[-1])
        return {model: _plan(folder / f"{key}.optimised", **found[key]) for key, model in keys.items()}


def plan(model: onnx.ModelProto, provider: str = CPU, **options: str) -> Plan:
    """Of one model. Raises ValueError where onnxruntime does not take it."""
    made = plans({"": model}, provider, **options)[""]
    if made.error:
        raise ValueError(made.error)
    return made


def _plan(path: Path, elsewhere: Sequence[str] = (), error: str = "") -> Plan:
    nodes = [] if error else onnx.load(path).graph.node
    names = (f"{node.domain}:{node.op_type}" if node.domain else node.op_type for node in nodes)
    return Plan(tuple(names), tuple(elsewhere), error)
