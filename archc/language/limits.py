"""Bounds on what a spec may ask for, so that a hostile one ends in a diagnostic and not in a stuck machine."""

from __future__ import annotations

FILE_BYTES = 1 << 20
NESTING = 64  # lists and mappings in one another, and bodies and block calls while building
YAML_NODES = 100_000  # with aliases expanded
ALIASES = 100
ALIASED_NODES = 10_000
EXPRESSION_CHARACTERS = 10_000
EXPRESSION_DEPTH = 40
INTEGER = 1 << 63  # of numbers: less than this
NAME = 100  # characters of a child's, dotted or not
VARIANTS = 500
SIZE = 1 << 20  # of an axis of an input: less than this
AXES = 8  # of an input
TEXT = 10_000  # characters
LIST = 100_000  # items
STEPS = 600_000  # of evaluation, of the whole network; a layer takes some twenty
LAYERS = 20_000
