"""Where a caller's samples come from: images in a folder, or arrays, prepared for a network as its spec says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archc.backends.onnx.calibration import path_of
from archc.backends.onnx.model import model_of
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.diagnostics.diagnostic import RequestError
from archc.runtime.inputs import Inputs, Item, Sample, images_in, spread
from archc.runtime.session import Session, open_session

_OPSET = 18  # any that has Identity


@dataclass(frozen=True, slots=True)
class Source:
    """``folder:PATH``, or a ``.npy`` or ``.npz`` file of what is preprocessed, as it was given to ``option``."""

    option: str
    text: str

    @property
    def path(self) -> Path:
        """The folder or the file. Raises RequestError where none is named, which would be the current folder."""
        if not self.text.removeprefix("folder:").strip():
            raise self.error("names no folder and no file", "folder:PATH takes images, FILE.npy preprocessed arrays")
        return path_of(self.text)

    def error(self, problem: str, hint: str | None = None) -> RequestError:
        """What is wrong with it."""
        return RequestError(f"{self.option} {self.text}: {problem}", hint)

    def inputs(self, session: Session, preprocess: Mapping[str, Any]) -> Inputs:
        """What makes samples of it for a session; ``preprocess`` is the spec's. Raises RequestError where it has none.

        A spec says it of its one input, or by input.
        """
        ((name, _), *others) = session.inputs.items()
        said = preprocess.get(name, preprocess)
        if not said and not others and self.path.is_dir():
            raise self.error(
                "the spec does not say how images become the network's input",
                "write `preprocess` into it, or give arrays that are preprocessed (.npy)",
            )
        return Inputs(session, said or None)

    def items(self, inputs: Inputs, limit: int) -> Iterator[Item]:
        """At most ``limit`` samples, spread evenly over it: folders are often sorted by class. Raises ModelError."""
        if self.path.is_dir():
            return inputs.files(spread(images_in(self.path), limit))
        return inputs.files([self.path], limit)

    def check_finite(self, sample: Sample) -> None:
        """Raises RequestError where it holds anything but numbers."""
        for name, array in sample.arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise self.error(f"`{name}` of {sample.name} holds what is infinite or no number")


def inputs_alone(types: Mapping[str, TensorType]) -> Session:
    """A session with inputs of these types, in which nothing is computed."""
    outputs = {f"{name} again": type for name, type in types.items()}
    nodes = [OnnxNode("Identity", [name], [f"{name} again"]) for name in types]
    same = Program(nodes, [], types, outputs, {}, _OPSET)
    return open_session(b"".join(model_of(same, "inputs").chunks()))
