"""ONNX straight from the graph, in eval mode, without torch.

``lower`` makes a ``Program`` of the graph, ``passes`` rewrite it for a target's ``Profile``, ``precision`` gives it
other numbers than fp32, ``model`` makes bytes of it and ``save`` a file.
"""
