"""How a graph becomes Python text.

1. ``wiring`` says what flows into and out of each container, and in which order its children are called.
2. ``describe`` makes of a container the body of a class, in the terms of ``template``.
3. ``merge``, with ``steps`` and ``align``, makes one body of containers that are alike.
4. ``parameters``, with ``arithmetic`` and ``expression``, makes constructor parameters of what varies.
5. ``classes`` plans which containers become classes, and which of them share one.
6. ``constructor``, ``fold``, ``forward``, ``usage`` and ``start`` write ``__init__`` and ``forward``.
7. ``render``, ``layout`` and ``names`` make of that a module that needs no formatter.
"""
