"""The part of Triton's ModelConfig that archc writes, as protocol buffers know it, to read config.pbtxt by.

Names, numbers and types of fields as tritonclient 2.73 has them (tritonclient/grpc/model_config_pb2.py). That package
can't be installed beside a protobuf of today, which is why they are listed here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

_PACKAGE = "inference"
_TYPES = descriptor_pb2.FieldDescriptorProto.Type

# Message → its fields: number, name, type; `*` repeats, `{}` is a map from strings.
MESSAGES = {
    "ModelConfig": """
        1 name string; 2 platform string; 17 backend string; 25 runtime string; 3 version_policy .ModelVersionPolicy;
        4 max_batch_size int32; 5 input *.ModelInput; 6 output *.ModelOutput; 12 optimization .ModelOptimizationPolicy;
        11 dynamic_batching .ModelDynamicBatching; 7 instance_group *.ModelInstanceGroup;
        8 default_model_filename string; 14 parameters {}.ModelParameter""",
    "ModelVersionPolicy": "",
    "ModelInput": """
        1 name string; 2 data_type =DataType; 4 dims *int64; 5 reshape .ModelTensorReshape; 6 is_shape_tensor bool;
        7 allow_ragged_batch bool; 8 optional bool""",
    "ModelOutput": """
        1 name string; 2 data_type =DataType; 3 dims *int64; 5 reshape .ModelTensorReshape; 4 label_filename string;
        6 is_shape_tensor bool""",
    "ModelTensorReshape": "1 shape *int64",
    "ModelInstanceGroup": "1 name string; 4 kind =Kind; 2 count int32; 3 gpus *int32; 5 profile *string",
    "ModelDynamicBatching": """
        1 preferred_batch_size *int32; 2 max_queue_delay_microseconds uint64; 3 preserve_ordering bool;
        4 priority_levels uint64; 5 default_priority_level uint64""",
    "ModelOptimizationPolicy": "1 graph .Graph; 4 execution_accelerators .ExecutionAccelerators; 8 eager_batching bool",
    "Graph": "1 level int32",
    "ExecutionAccelerators": "1 gpu_execution_accelerator *.Accelerator; 2 cpu_execution_accelerator *.Accelerator",
    "Accelerator": "1 name string; 2 parameters {}string",
    "ModelParameter": "1 string_value string",
}  # fmt: skip
ENUMS = {
    "DataType": """TYPE_INVALID TYPE_BOOL TYPE_UINT8 TYPE_UINT16 TYPE_UINT32 TYPE_UINT64 TYPE_INT8 TYPE_INT16 TYPE_INT32
        TYPE_INT64 TYPE_FP16 TYPE_FP32 TYPE_FP64 TYPE_STRING TYPE_BF16""",
    "Kind": "KIND_AUTO KIND_GPU KIND_CPU KIND_MODEL",
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="model_config.proto", package=_PACKAGE, syntax="proto3")
    for name, values in ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values.split()):
            enum.value.add(name=value, number=number)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind in (line.split() for line in fields.split(";") if line.strip()):
            _add(message, int(number), field, kind)
    return file


def _add(message: descriptor_pb2.DescriptorProto, number: int, name: str, kind: str) -> None:
    repeated = kind.startswith(("*", "{}"))
    if kind.startswith("{}"):
        entry = message.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        _add(entry, 1, "key", "string")
        _add(entry, 2, "value", kind[2:])
        kind = f".{message.name}.{entry.name}"
    field = message.field.add(name=name, number=number, label=3 if repeated else 1)
    kind = kind.lstrip("*")
    if kind[0] in ".=":
        field.type = _TYPES.TYPE_MESSAGE if kind[0] == "." else _TYPES.TYPE_ENUM
        field.type_name = f".{_PACKAGE}.{kind[1:]}"
    else:
        field.type = _TYPES.Value(f"TYPE_{kind.upper()}")


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file())  # pyright: ignore
ModelConfig: Any = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.ModelConfig"))


def parse(text: str) -> Any:
    """The ModelConfig that a text stands for. Raises text_format.ParseError for what is no field of it."""
    return text_format.Parse(text, ModelConfig())


def read(path: Path) -> Any:
    """The ModelConfig in a file."""
    return parse(path.read_text(encoding="utf-8"))


def kind(number: int) -> str:
    """The name of a kind of instances."""
    return ENUMS["Kind"].split()[number]
