"""Images of any size in, as bytes: the model itself makes of them what the network takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archc.backends.onnx.embed import products, resize
from archc.backends.onnx.embed.plan import Plan
from archc.backends.onnx.embed.writer import Writer
from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.profiles import CPU
from archc.backends.onnx.program import BATCH, Program, TensorType
from archc.backends.onnx.wire import TYPES

Crop = Callable[[Writer, str, Plan], str]

# By provider; products are right everywhere, also where a runtime has no `antialias`, or leaves it out unsaid.
_CROPS: dict[str | None, Crop] = {CPU: resize.crop}


class EmbedPreprocess(ProgramPass):
    """Puts resizing, cropping and normalising before the network, as torchvision's transforms of its weights do.

    Its input then takes N × H × W × channels of uint8, all images of a batch of one size, and keeps its name; the
    network reads ``NAME.normalised``.
    """

    name = "embed-preprocess"
    summary = "images become the network's input in the model: resize, crop, scale, normalise"

    def __init__(self, plans: Sequence[Plan], provider: str | None = None) -> None:
        self._plans, self._crop = plans, _CROPS.get(provider, products.crop)

    def run(self, program: Program) -> list[Change]:
        return [self._embed(program, plan) for plan in self._plans]

    def _embed(self, program: Program, plan: Plan) -> Change:
        wanted, readers = program.inputs[plan.name], program.consumers(plan.name)
        free = ("H", "W") if len(program.inputs) == 1 else (f"{plan.name}.H", f"{plan.name}.W")
        program.inputs[plan.name] = TensorType((BATCH, *free, plan.channels), "uint8")
        program.types.pop(plan.name, None)
        write = Writer(program, plan.name)
        made = _normalised(write, self._crop(write, plan.name, plan), plan, wanted)
        program.redirect(plan.name, made, readers)
        return Change(plan.name, _what(plan))


def _normalised(write: Writer, pixels: str, plan: Plan, wanted: TensorType) -> str:
    """Whole numbers to the network's input; scaling to [0, 1] and the means and deviations are one Mul and one Add."""
    if plan.reverse:
        pixels = write("Gather", pixels, write.ints(*reversed(range(plan.channels))), axis=1)
    scale, shift = (write.numbers([[[v]] for v in values]) for values in (plan.scale, plan.shift))
    scaled = write("Mul", pixels, scale)
    if wanted.dtype == "float32":
        return write("Add", scaled, shift, name="normalised", type=wanted)
    return write("Cast", write("Add", scaled, shift), name="normalised", type=wanted, to=TYPES[wanted.dtype])


def _what(plan: Plan) -> str:
    height, width = plan.size
    sides = "to cover it" if plan.resize is None else f"shorter side {plan.resize}"
    return f"takes images of any size: {plan.interpolation} resize ({sides}), crop {height} × {width}, normalise"
