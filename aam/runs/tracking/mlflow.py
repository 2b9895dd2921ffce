"""An entry for MLflow; needs the extra ``aam[mlflow]``.

Everything goes through one client, since the library's own active run is one for the whole process.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from aam.runs.tracking.tracker import Place, RunFacts, Status, experiment_of, words
from aam.version import __version__

URI = "MLFLOW_TRACKING_URI"
# A folder as store has to be allowed, and the library tells its makers of its use unless it is told not to.
QUIET = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
# A server that does not answer: the library would try for minutes.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
RUNS = "mlruns"
"""The folder, beside the run, that entries are written to."""
PARENT, CHANGED = "mlflow.parentRunId", "aam.resumed."
AT_ONCE = 90
"""Parameters and metrics of one message; the library takes 100 parameters."""
LONGEST_VALUE, LONGEST_NAME = 6_000, 250
STATUS: Mapping[Status, str] = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
T = TypeVar("T")


class Mlflow:
    """The entry of a run; a fold or member is nested in that of the whole.

    Parameters
    ----------
    facts
        The run.
    """

    def __init__(self, facts: RunFacts) -> None:
        for name, value in (QUIET | PATIENCE).items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        where = tracking_uri(facts)
        self.client = MlflowClient(tracking_uri=where)
        self.step = 0
        own = self._known(facts, where) or self._new(facts)
        self.place = Place(own, where)

    def _known(self, facts: RunFacts, where: str) -> str | None:
        """The id of an earlier start's entry, if it is there."""
        from mlflow.exceptions import MlflowException

        if facts.known is None or facts.known.where != where:
            return None
        try:
            found = self.client.get_run(facts.known.id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        if found.info.lifecycle_stage != "active":
            return None
        self.client.update_run(facts.known.id, status="RUNNING")
        return facts.known.id

    def _new(self, facts: RunFacts) -> str:
        tags = {"aam.kind": facts.kind, "aam.version": __version__, "aam.folder": str(facts.folder)}
        if facts.parent is not None:
            tags[PARENT] = facts.parent.id
        experiment = self._experiment(experiment_of(facts, "MLFLOW_EXPERIMENT_NAME"))
        created = self.client.create_run(experiment, tags=tags, run_name=facts.name)
        return str(created.info.run_id)

    def _experiment(self, name: str) -> str:
        """The id of an experiment, which another run may make at the same time."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self.client.create_experiment(name))
            except MlflowException:
                found = self.client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def parameters(self, values: Mapping[str, Any]) -> None:
        """Parameters, which cannot change: a value of a later start that differs becomes a tag."""
        from mlflow.entities import Param, RunTag

        found = {_name(name): words(value)[:LONGEST_VALUE] for name, value in values.items()}
        before = self.client.get_run(self.place.id).data.params
        for some in _parts([Param(name, value) for name, value in found.items() if name not in before]):
            self.client.log_batch(self.place.id, params=some)
        changed = [RunTag(CHANGED + name, new) for name, new in found.items() if before.get(name, new) != new]
        for some in _parts(changed):
            self.client.log_batch(self.place.id, tags=some)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Points of the curves."""
        from mlflow.entities import Metric

        self.step, now = step, int(time.time() * 1000)
        for some in _parts([Metric(_name(name), float(value), now, step) for name, value in values.items()]):
            self.client.log_batch(self.place.id, metrics=some)

    def scores(self, values: Mapping[str, float]) -> None:
        """Metrics at the last step."""
        self.metrics(values, self.step)

    def figures(self, images: Mapping[str, Path]) -> None:
        """Files in the folder ``figures`` of the entry."""
        for path in images.values():
            self.client.log_artifact(self.place.id, str(path), "figures")

    def report(self, page: Path) -> None:
        """A file of the entry."""
        self.client.log_artifact(self.place.id, str(page))

    def model(self, folder: Path) -> None:
        """The folder ``model`` of the entry."""
        self.client.log_artifacts(self.place.id, str(folder), "model")

    def close(self, status: Status) -> None:
        """Note how the run ended."""
        self.client.set_terminated(self.place.id, STATUS[status])


def tracking_uri(facts: RunFacts) -> str:
    """Where a run is recorded: as the option says, else the environment, else a folder beside the run."""
    given = facts.uri or os.environ.get(URI)
    if given is None:
        return (facts.root.parent / RUNS).as_uri()
    return given if ":" in given or given.startswith("databricks") else Path(given).absolute().as_uri()


def _name(name: str) -> str:
    """A name of the characters that the library takes."""
    return re.sub(r"[^\w\-. /:]", "_", name, flags=re.ASCII)[:LONGEST_NAME]


def _parts(items: Iterable[T]) -> Iterator[Sequence[T]]:
    rest = iter(items)
    while some := list(islice(rest, AT_ONCE)):
        yield some
