"""Models and the devices that they run on, by onnxruntime. Nothing here knows of specs."""
