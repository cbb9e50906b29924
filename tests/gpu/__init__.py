"""What needs a GPU to be seen: that every profile is right on it, and how fast it is there. ``make gpu-check`` runs it.

``python -m tests.gpu`` measures all and prints one table; ``--only``, ``--network``, ``--batch`` and ``--out`` measure
a part of it, and ``--table`` puts the parts together. ``--device cpu --quick`` rehearses the same on any machine.
"""
