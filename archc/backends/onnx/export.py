"""What a caller chooses of an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archc.backends.onnx import passes
from archc.backends.onnx.profiles import Profile, profile
from archc.diagnostics.diagnostic import RequestError
from archc.diagnostics.errors.suggest import closest


@dataclass(frozen=True)
class Export:
    """A target's profile, and the passes that run: the profile's, or those that the caller chose."""

    profile: Profile
    passes: tuple[str, ...]

    @classmethod
    def of(
        cls, profile_name: str = "portable", *, only: Sequence[str] | None = None, without: Sequence[str] = ()
    ) -> Export:
        """The profile of that name, with these passes only, and without those. Raises RequestError."""
        chosen = profile(profile_name)
        known = passes.names()
        for name in (*(only or ()), *without):
            if name not in known:
                near = closest(name, known)
                hint = f"did you mean `{near}`?" if near else f"passes: {', '.join(known)}"
                raise RequestError(f"there is no pass `{name}`", hint)
        names = chosen.passes if only is None else tuple(only)
        return cls(chosen, tuple(name for name in names if name not in without))
