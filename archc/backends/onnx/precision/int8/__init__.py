"""8-bit integers for onnxruntime on x86: activations u8 by tensor, weights s8 by channel, biases s32.

``data`` reads the images to calibrate on, ``calibrate`` observes the ranges of activations on them, ``plan`` decides
which nodes become integers, ``insert`` writes QuantizeLinear and DequantizeLinear around them, from which onnxruntime
makes its integer kernels, and ``errors`` says what it cost. ``quantize`` is the pass that does all of it.

The arithmetic is that of Jacob et al., arXiv:1712.05877, with the choices of Krishnamoorthi, arXiv:1806.08342.
"""
