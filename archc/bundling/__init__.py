"""Models in the layout that Triton Inference Server loads.

::

    FOLDER/                     the model repository
      resnet50/                 one model
        config.pbtxt            its inputs, outputs, batching, device and options; holds for all of its versions
        labels.txt              the classes of an output, one a line
        serve.py                an example server, with --serve
        1/                      one version
          model.onnx            and its files of external data, and model.profile.json

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_repository.html
"""
