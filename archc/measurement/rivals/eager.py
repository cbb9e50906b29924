"""torch as it is: the generated module in inference mode, in both memory formats."""

from __future__ import annotations

from archc.measurement.rivals.base import Candidate, Case
from archc.measurement.rivals.torch_module import candidate, prepared


def candidates(case: Case) -> list[Candidate]:
    """Contiguous and channels_last; which is faster depends on the network and on the device."""
    found: list[Candidate] = []
    for channels_last, name in ((False, "torch"), (True, "torch, channels_last")):
        found.append(candidate(case, name, "torch", *prepared(case, channels_last=channels_last)))
    return found
