"""Whether all that archc makes of a network computes the same: module, source, and ONNX in every profile.

``networks`` compares what is made of a network, ``models`` a model with itself. ``weights`` are made where none are
given, ``samples`` are what is compared on, ``tolerances`` say how near is near enough, ``rounding`` how far off a
network must be, ``first`` finds the layer from which a difference comes, and ``report`` shows it all.
"""
