"""Curves for TensorBoard, written by the run itself; needs the extra ``aam[tensorboard]``.

The library's own writer works in a thread, whose traceback would be all that a full disk leaves to see.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from aam.log import warn

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
        if self.is_broken:
            return
        now = time.time()
        points = [Summary.Value(tag=name, simple_value=float(value)) for name, value in values.items()]
        events = [Event(wall_time=now, step=step, summary=Summary(value=points))]
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
