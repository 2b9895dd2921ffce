"""Curves for TensorBoard, written by the run itself.

The library's own writer works in a thread, whose traceback would be all that a full disk leaves to see.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.fabric.utilities import rank_zero_only
from lightning.pytorch.loggers.logger import Logger
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from aam.log import warn

VERSION = "brain.Event:2"


class EventFile(Logger):
    """A folder with a file of events for each start of a run; TensorBoard joins them.

    The curves are a convenience: where the disk does not take them, that is said once and the run goes on.

    Parameters
    ----------
    folder
        Made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.writer: RecordWriter | None = None
        self.is_broken = False

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @property
    def version(self) -> str:
        """None: a run has one folder."""
        return ""

    @property
    def root_dir(self) -> str:
        """The folder."""
        return str(self.folder)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a point to each curve."""
        if self.is_broken:
            return
        values = [Summary.Value(tag=name, simple_value=float(value)) for name, value in metrics.items()]
        try:
            self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        except OSError as error:
            self.is_broken = True
            warn(f"{self.folder}: the curves for TensorBoard end here ({error.strerror or error}); the run goes on")

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: the options are in ``config.yaml``."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the file; every point is in it already."""
        if self.writer is not None:
            with suppress(OSError):
                self.writer.close()
            self.writer = None

    def _write(self, event: Event) -> None:
        if self.writer is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"events.out.tfevents.{int(time.time())}.{os.getpid()}"
            self.writer = RecordWriter(path.open("ab"))
            self.writer.write(Event(wall_time=event.wall_time, file_version=VERSION).SerializeToString())
        self.writer.write(event.SerializeToString())
        self.writer.flush()
