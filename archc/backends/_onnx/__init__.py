"""The parts of the ONNX back end: values and folding, the emitter, the wire format, writing."""
