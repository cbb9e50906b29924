"""What a caller has put into the model beside the network: how pixels become its input, and what its best classes are.

These passes run last, over the network in its final precision; what they add keeps to fp32 and to integers.
"""

from __future__ import annotations

from collections.abc import Iterator

from archc.backends.onnx.embed.plan import plans
from archc.backends.onnx.embed.preprocess import EmbedPreprocess
from archc.backends.onnx.embed.topk import EmbedTopK
from archc.backends.onnx.export import Export
from archc.backends.onnx.passes.base import ProgramPass
from archc.graph.graph import Graph


def embedding(graph: Graph, export: Export) -> Iterator[ProgramPass]:
    """The passes that put in what is asked for, in the form that suits the profile.

    Raises RequestError where the network has no images, or no classes.
    """
    if export.preprocess:
        yield EmbedPreprocess(plans(graph), export.profile.provider)
    if export.topk is not None:
        yield EmbedTopK(export.topk, graph.labels)
