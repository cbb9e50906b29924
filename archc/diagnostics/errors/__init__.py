"""The wording of everything that archc says about a spec, apart from the logic that finds it.

One function a mistake; the first argument is its place.
"""

from __future__ import annotations

from archc.diagnostics.errors.calls import *  # noqa: F403
from archc.diagnostics.errors.expressions import *  # noqa: F403
from archc.diagnostics.errors.figures import *  # noqa: F403
from archc.diagnostics.errors.network import *  # noqa: F403
from archc.diagnostics.errors.shapes import *  # noqa: F403
from archc.diagnostics.errors.text import *  # noqa: F403
from archc.diagnostics.errors.wiring import *  # noqa: F403
