"""What a caller chooses of an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archc.backends.onnx import passes
from archc.backends.onnx.calibration import Calibration
from archc.backends.onnx.precision.types import FP32_IO, InOut
from archc.backends.onnx.profiles import Profile, profile
from archc.diagnostics.diagnostic import RequestError
from archc.diagnostics.errors.suggest import did_you_mean


@dataclass(frozen=True)
class Export:
    """A target's profile, and the passes that run: the profile's, or those that the caller chose.

    ``io`` are the types of inputs and outputs. The layers whose paths match a pattern of ``keep_fp32`` stay in fp32.
    ``preprocess`` and ``topk`` ask for what goes into the model beside the network. ``calibration`` is that of int8.
    With ``int8_classifier`` large linear layers have weights of 8 bits.
    """

    profile: Profile
    passes: tuple[str, ...]
    io: InOut = FP32_IO
    keep_fp32: tuple[str, ...] = ()
    preprocess: bool = False
    topk: int | None = None
    calibration: Calibration | None = None
    int8_classifier: bool = False

    @classmethod
    def of(
        cls,
        profile_name: str = "portable",
        *,
        only: Sequence[str] | None = None,
        without: Sequence[str] = (),
        io: str = "fp32",
        keep_fp32: Sequence[str] = (),
        preprocess: bool = False,
        topk: int | None = None,
        calibrate: str | os.PathLike[str] | None = None,
        calibrate_method: str | None = None,
        calibrate_limit: int | None = None,
        reduce_range: bool = False,
        int8_classifier: bool = False,
    ) -> Export:
        """The profile of that name, with these passes only, and without those.

        ``io`` is the type of inputs and outputs (``fp32``, ``fp16``, ``bf16``), or that of inputs and that of outputs
        with a comma between. With ``preprocess`` the model takes images of any size, with ``topk`` it gives the best so
        many classes and their scores. ``calibrate`` is the ``source`` of an int8 ``Calibration``, and what follows its
        other fields. ``int8_classifier`` gives large linear layers weights of 8 bits. Raises RequestError.
        """
        chosen = profile(profile_name)
        kept = _passes(chosen, only, without)
        calibration = Calibration.of(calibrate, calibrate_method, calibrate_limit, reduce_range)
        if chosen.precision != "int8" and (calibrate_method or reduce_range):
            raise RequestError(f"--calibrate-method and --reduce-range speak of int8, not of `{chosen.name}`")
        made = cls(chosen, kept, InOut.parse(io), tuple(keep_fp32), preprocess, topk, calibration, int8_classifier)
        made._check()
        return made

    def _check(self) -> None:
        """Raise RequestError where what is asked for does not go with the profile, or can't be."""
        target = self.profile
        if self.topk is not None and self.topk < 1:
            raise RequestError(f"--with-topk {self.topk}: at least one class must be given")
        if self.int8_classifier and target.precision == "int8":
            raise RequestError(f"--int8-classifier: in the profile `{target.name}` all weights have 8 bits")
        if self.int8_classifier and target.provider is None:
            hint = "--profile cpu is fp32 for onnxruntime on a CPU, and the cuda ones for a GPU"
            raise RequestError(f"--int8-classifier: only onnxruntime has that, and `{target.name}` is for all", hint)
        if target.precision == "fp32" and not self.int8_classifier:
            if self.keep_fp32:
                raise RequestError(f"--keep-fp32: the profile `{target.name}` is in fp32 altogether")
            if self.calibration is not None:
                raise RequestError(f"--calibrate: nothing is rounded in the profile `{target.name}`")

    @property
    def arguments(self) -> dict[str, Any]:
        """Those of ``archc.Network.onnx`` that ask for this, apart from its defaults."""
        given = {
            "profile": self.profile.name,
            "only": list(self.passes) if self.passes != self.profile.passes else None,
            "io": self.io.text() if self.io != FP32_IO else None,
            "keep_fp32": list(self.keep_fp32) or None,
            "preprocess": self.preprocess or None,
            "topk": self.topk,
            "int8_classifier": self.int8_classifier or None,
            **(self.calibration.arguments if self.calibration else {}),
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def embedded(self) -> list[str]:
        """What goes into the model beside the network."""
        return [*["preprocess"] * self.preprocess, *["topk"] * (self.topk is not None)]


def _passes(chosen: Profile, only: Sequence[str] | None, without: Sequence[str]) -> tuple[str, ...]:
    """The profile's, or ``only`` those, and not those ``without``. Raises RequestError for one that there is not."""
    known = passes.names()
    for name in (*(only or ()), *without):
        if name not in known:
            hint = did_you_mean(name, known) or f"passes: {', '.join(known)}"
            raise RequestError(f"there is no pass `{name}`", hint)
    return tuple(name for name in (chosen.passes if only is None else only) if name not in without)
