"""Floating-point types by the names that people give them, and those of a model's inputs and outputs.

Unless the caller chooses, inputs and outputs are fp32 in every profile: then a model can take the place of another,
what feeds it and reads it stays as it is, and numpy, which has no bf16, can make its inputs. ``--io fp16`` halves what
is copied to the device and from it.
"""

from __future__ import annotations

from typing import NamedTuple

from archc.diagnostics.diagnostic import RequestError

FLOATS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
FLOAT = "float32"
SHORT = {dtype: name for name, dtype in FLOATS.items()}


class InOut(NamedTuple):
    """The dtypes of a model's inputs and of its outputs, where these hold fractions."""

    inputs: str = "float32"
    outputs: str = "float32"

    @classmethod
    def parse(cls, text: str) -> InOut:
        """Of ``fp16``, which is for both, or ``fp16,fp32``. Raises RequestError."""
        names = [name.strip() for name in text.split(",")]
        unknown = [name for name in names if name not in FLOATS]
        if unknown or len(names) > 2:
            problem = f"there is no type `{unknown[0]}`" if unknown else f"`{text}` names more than two types"
            raise RequestError(f"--io: {problem}", f"one of {', '.join(FLOATS)}, or two with a comma: inputs, outputs")
        return cls(FLOATS[names[0]], FLOATS[names[-1]])

    def text(self) -> str:
        """What ``parse`` reads as this."""
        return ",".join(dict.fromkeys(SHORT[dtype] for dtype in self))


FP32_IO = InOut()
