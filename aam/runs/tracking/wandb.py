"""An entry for Weights & Biases; needs the extra ``aam[wandb]``.

Offline unless the environment says otherwise: entries lie in the run directory until ``wandb sync`` sends them.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aam.runs.layout import REPORT
from aam.runs.tracking.tracker import Place, RunFacts, Status, experiment_of

# The library reports its own errors to its makers unless it is told not to, offline too.
QUIET = {"WANDB_ERROR_REPORTING": "false"}
EXIT_CODES: Mapping[Status, int] = {"finished": 0, "stopped": 75, "failed": 1}


class WeightsAndBiases:
    """The entry of a run; a fold or member is in one group with the whole.

    Parameters
    ----------
    facts
        The run.
    """

    def __init__(self, facts: RunFacts) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        import wandb

        self.library = wandb
        known = facts.known
        own = known.id if known is not None else uuid.uuid4().hex[:16]
        whole = own if facts.parent is None else facts.parent.id
        self.run = wandb.init(
            id=own,
            resume="allow" if known is not None else None,
            name=_unless_set("WANDB_NAME", facts.name) if facts.parent is None else facts.name,
            project=experiment_of(facts, "WANDB_PROJECT"),
            group=_unless_set("WANDB_RUN_GROUP", f"{facts.root.name}-{whole}"),
            job_type=facts.kind,
            dir=_unless_set("WANDB_DIR", str(facts.root)),
            mode=_unless_set("WANDB_MODE", "offline"),
            reinit="create_new",
            settings=wandb.Settings(console="off", silent=True, disable_git=True, save_code=False, disable_code=True),
        )
        self.place = Place(own, self.run.project)

    def parameters(self, values: Mapping[str, Any]) -> None:
        """The configuration of the entry; a value that has changed since an earlier start replaces that one."""
        self.run.config.update(dict(values), allow_val_change=True)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """A point of the history."""
        self.run.log(dict(values), step=step)

    def scores(self, values: Mapping[str, float]) -> None:
        """The summary of the entry."""
        self.run.summary.update(dict(values))

    def figures(self, images: Mapping[str, Path]) -> None:
        """Images, which the library copies."""
        self.run.log({f"figures/{name}": self.library.Image(str(path)) for name, path in images.items()})

    def report(self, page: Path) -> None:
        """An artifact of one file."""
        artifact = self.library.Artifact(f"report-{self.run.id}", type="report")
        artifact.add_file(str(page), name=REPORT, policy="immutable")
        self.run.log_artifact(artifact)

    def model(self, folder: Path) -> None:
        """An artifact of the model's files, which stay where they are until they are sent."""
        artifact = self.library.Artifact(f"model-{self.run.id}", type="model")
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                artifact.add_file(str(path), name=path.relative_to(folder).as_posix(), policy="immutable")
        self.run.log_artifact(artifact)

    def close(self, status: Status) -> None:
        """Wait until everything is written, or sent."""
        if status == "stopped":
            self.run.mark_preempting()
        self.run.finish(exit_code=EXIT_CODES[status])


def _unless_set(variable: str, value: Any) -> Any:
    """A value, or None where the environment has its own, which the library reads."""
    return None if os.environ.get(variable) else value
