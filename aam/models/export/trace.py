"""From a module to an ONNX file that any size of input fits."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from aam.models.export.whole import WholeModel

OPSET = 20
"""Version of ONNX's operators, of December 2023: onnxruntime 1.17 and later compute it."""
SIZES = {"asv": 11, "base": 23, "draw": 2, "sample": 5, "place": 7, "asv_of_sample": 13}
"""Of the example that is traced: none is 1, and no two are alike, so that no size is taken for a constant."""
DTYPES = {"uint8": torch.uint8, "int64": torch.int64, "float32": torch.float32, "float64": torch.float64}


def trace(whole: WholeModel, notes: Mapping[str, str]) -> bytes:
    """The ONNX file of a model.

    Parameters
    ----------
    whole
        The model.
    notes
        Texts to keep in the file by name.
    """
    import onnx

    shapes = {
        port.name: {place: axis for place, axis in enumerate(port.axes) if isinstance(axis, str)}
        for port in whole.inputs
    }
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            whole.eval(),
            (),
            kwargs={"given": example(whole)},
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[port.name for port in whole.inputs],
            output_names=[port.name for port in whole.outputs],
            dynamic_shapes={"given": shapes},
            external_data=False,
        )
    assert program is not None
    proto = program.model_proto
    _strip(proto)
    proto.producer_name, proto.producer_version = "aam", ""
    onnx.helper.set_model_props(proto, dict(notes))
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def example(whole: WholeModel) -> dict[str, Tensor]:
    """Arrays of the right kinds, of the sizes of :data:`SIZES`."""
    generator = torch.Generator().manual_seed(0)
    given = {}
    for port in whole.inputs:
        shape = [SIZES[axis] if isinstance(axis, str) else axis for axis in port.axes]
        most = {"tokens": 5, "index": SIZES["asv"], "all_index": SIZES["asv"]}.get(port.name, 2)
        numbers = torch.randint(1 if most == 2 else 0, most, shape, generator=generator)
        given[port.name] = numbers.to(DTYPES[port.type])
    return given


def _strip(proto: Any) -> None:
    """Take out what the tracer notes of its own files and lines at each operation."""
    graphs = [proto.graph, *proto.functions]
    for graph in graphs:
        for node in graph.node:
            del node.metadata_props[:]
            node.doc_string = ""
        for value in graph.value_info:
            del value.metadata_props[:]
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the tracer says of itself from the terminal."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)
