"""Curves for TensorBoard, written by the run itself; needs the extra ``aam[tensorboard]``.

The library's own writer works in a thread, whose traceback would be all that a full disk leaves to see.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary.writer.record_writer import RecordWriter

from aam.log import warn
from aam.runs.layout import TENSORBOARD
from aam.runs.tracking.tracker import RunFacts, Status, words

VERSION = "brain.Event:2"


class EventFile:
    """A folder with a file of events for each start of a run; TensorBoard joins them.

    The curves are a convenience: if they cannot be written, one warning is given and the run continues.

    Parameters
    ----------
    folder
        Made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"events.out.tfevents.{int(time.time())}.{os.getpid()}"
        self.is_broken = False

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to each curve."""
        self.write([Summary.Value(tag=name, simple_value=float(value)) for name, value in values.items()], step)

    def write(self, values: Sequence[Summary.Value], step: int) -> None:
        """Add an event."""
        if self.is_broken:
            return
        now = time.time()
        events = [Event(wall_time=now, step=step, summary=Summary(value=values))]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                if not file.tell():
                    events.insert(0, Event(wall_time=now, file_version=VERSION))
                for event in events:
                    RecordWriter(file).write(event.SerializeToString())
        except OSError as error:
            self.is_broken = True
            reason = error.strerror or error
            warn(f"{self.path.parent}: the curves for TensorBoard end here ({reason}); the run continues")


class TensorBoard:
    """The curves, parameters, scores and figures of a run in its own folder, where its report and model are too."""

    place = None

    def __init__(self, facts: RunFacts) -> None:
        self.events = EventFile(facts.folder / TENSORBOARD)
        self.step = 0

    def parameters(self, values: Mapping[str, Any]) -> None:
        """A table of text."""
        rows = [f"| {_cell(name)} | {_cell(words(value))} |" for name, value in values.items()]
        text = "\n".join(["| parameter | value |", "|---|---|", *rows])
        tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
        plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        self.events.write([Summary.Value(tag="parameters", tensor=tensor, metadata=plugin)], self.step)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Points of the curves, whose axis is the step."""
        self.step = step
        self.events.add({name: value for name, value in values.items() if name != "epoch"}, step)

    def scores(self, values: Mapping[str, float]) -> None:
        """One point each, at the last step."""
        self.events.add(values, self.step)

    def figures(self, images: Mapping[str, Path]) -> None:
        """Images as they are."""
        for name, path in images.items():
            image = Summary.Image(encoded_image_string=path.read_bytes())
            self.events.write([Summary.Value(tag=name, image=image)], self.step)

    def report(self, page: Path) -> None:
        """Nothing: the report lies beside the curves."""

    def model(self, folder: Path) -> None:
        """Nothing: the model lies beside the curves."""

    def close(self, status: Status) -> None:
        """Nothing: every event is in its file already."""


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
