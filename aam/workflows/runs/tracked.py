"""What a run tells its trackers: its options and data at the start, curves, and at the end its scores and files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aam.config import PretrainConfig, TrainConfig, to_flat
from aam.errors import AamError, PreemptedError
from aam.files.atomic import read_json
from aam.log import say_detail, warn
from aam.runs.directory import RunDirectory
from aam.runs.layout import DATA, FINISHED, FOLDS, MEMBERS, REPORT, is_run_directory
from aam.runs.tracking.entries import Entries, open_entries
from aam.runs.tracking.places import read_places
from aam.runs.tracking.registry import TENSORBOARD as CURVES
from aam.runs.tracking.registry import is_installed
from aam.runs.tracking.tracker import Place, RunFacts
from aam.training.distributed.collectives import decided_by_rank_0, is_first

if TYPE_CHECKING:
    from aam.evaluation.baseline_comparison import Judgement
    from aam.training.run.callbacks import AddPoints

PARTS = {FOLDS: "fold", MEMBERS: "member"}
"""Folder of the runs within a run -> what each is."""
OF_NETWORK = ("best_epoch", "best_value", "epochs")
"""What ``finished.json`` says of a run of one network."""


class Tracking:
    """What is told of one run; nothing before :meth:`begin`.

    Parameters
    ----------
    config
        Its options, as they were asked for.
    run
        The run directory.
    kind
        What it is: ``train``, ``pretrain``, ``ensemble`` or ``cross-validation``.

    Attributes
    ----------
    add_to_curves
        Takes the numbers of an epoch; None where nobody asks for them.
    """

    def __init__(self, config: PretrainConfig | TrainConfig, run: RunDirectory, kind: str) -> None:
        self.options = config.tracking
        self.run = run
        self.whole = _whole(run.path)
        self.kind = kind if self.whole is None else PARTS[run.path.absolute().parent.name]
        is_same = config.run.resume_from is not None or self.whole is not None
        reads = is_same and bool(self.options.logger)
        self.known = decided_by_rank_0(lambda: read_places(run.path)) if reads else {}
        self.entries = Entries()
        self.add_to_curves: AddPoints | None = None

    def begin(self, config: PretrainConfig | TrainConfig, record: Mapping[str, Any]) -> None:
        """Open the entries, and note options and data.

        Parameters
        ----------
        config
            The options with what was derived from the data.
        record
            The content of ``data.json``.
        """
        if not self.options.logger or not is_first():
            return
        self.entries = open_entries(self.options.logger, self._facts(), self.known, self._parents())
        self.entries.parameters({**to_flat(config), **dict(data_facts(record))})
        self.add_to_curves = self.entries.metrics

    def begin_network(self, config: PretrainConfig | TrainConfig, record: Mapping[str, Any]) -> None:
        """The same for a run of one network, whose curves are for TensorBoard by default, where it is installed."""
        self.begin(config, record)
        if self.options.logger or not is_first():
            return
        if not is_installed(CURVES):
            say_detail(
                "TensorBoard is not installed (pip install 'aam[tensorboard]'); learning curves are in the report only"
            )
            return
        from aam.runs.tracking.tensorboard import TensorBoard

        self.add_to_curves = TensorBoard(self._facts()).metrics

    def end(self, judgements: Mapping[str, Judgement]) -> None:
        """Note what the run has come to, and keep its report, figures and model; the run is finished.

        Of a fold or member only the scores are kept: the whole has the report, and an ensemble the model.
        """
        if not self.entries:
            return
        self.entries.parameters(dict(_model_facts(read_json(self.run.path / DATA))))
        finished = read_json(self.run.path / FINISHED)
        numbers = {name: float(finished[name]) for name in OF_NETWORK if name in finished}
        self.entries.scores({**numbers, **dict(scores(judgements))})
        if self.whole is not None:
            return
        page = self.run.path / REPORT
        if page.is_file():
            self.entries.report(page)
            self._keep_figures()
        if self.run.model.is_dir():
            self.entries.model(self.run.model)

    def _keep_figures(self) -> None:
        """The figures of the report as files; drawn anew, since the report has them in its page."""
        from aam.report.build import read_page
        from aam.report.figure_files import write_figures

        try:
            with tempfile.TemporaryDirectory(prefix="aam-") as folder:
                paths = write_figures(read_page(self.run.path), Path(folder), ["png"], overwrite=False)
                self.entries.figures({path.stem: path for path in paths})
        except (AamError, OSError) as error:
            warn(f"figures are not recorded ({error}); the report has them")

    def _facts(self) -> RunFacts:
        place = self.run.path.absolute()
        root = place
        while (whole := _whole(root)) is not None:
            root = whole
        return RunFacts(
            name=" ".join([root.name, *(part for part in place.relative_to(root).parts if part not in PARTS)]),
            kind=self.kind,
            folder=place,
            root=root,
            experiment=self.options.experiment,
            uri=self.options.tracking_uri,
        )

    def _parents(self) -> dict[str, Place]:
        return {} if self.whole is None else read_places(self.whole)


@contextmanager
def tracked(config: PretrainConfig | TrainConfig, run: RunDirectory, kind: str) -> Iterator[Tracking]:
    """Give what takes the record of a run, and close its entries with how the run ended.

    Only the first of several processes records anything.

    Parameters
    ----------
    config
        The options, as they were asked for.
    run
        The run directory, taken by this process, with whatever an earlier start left there.
    kind
        What it is: ``train``, ``pretrain``, ``ensemble`` or ``cross-validation``.

    Raises
    ------
    InputError
        If ``tracking.json`` is damaged.
    """
    tracking = Tracking(config, run, kind)
    try:
        yield tracking
    except BaseException as error:
        is_stopped = isinstance(error, PreemptedError | KeyboardInterrupt | SystemExit)
        tracking.entries.close("stopped" if is_stopped else "failed")
        raise
    tracking.entries.close("finished")


def data_facts(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an entry says of the data and the machine: sizes of the parts, ASVs, checksums of the inputs, versions."""
    for part, number in record.get("samples", {}).items():
        yield f"data.samples.{part}", number
    yield "data.samples", sum(record.get("samples", {}).values())
    if (asvs := record.get("num_asvs")) is not None:
        yield "data.asvs", asvs
    for item in record.get("inputs", []):
        yield f"data.sha256.{Path(item['path']).name}", item["sha256"]
    for name, version in record.get("environment", {}).items():
        yield f"environment.{name}", version


def _model_facts(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Weights of the network, and of a blend how much each of its members counts for each target."""
    if number := record.get("model", {}).get("parameters"):
        yield "model.parameters", number
    for learner in record.get("learners", []):
        for column, weight in learner["weights"].items():
            yield f"model.weight.{column}.{learner['name']}", round(float(weight), 6)


def scores(judgements: Mapping[str, Judgement]) -> Iterator[tuple[str, float]]:
    """Name -> each metric of the model and its baselines, with the ends of its 95 % interval.

    ``test/r2`` is the model's, ``test/r2_low`` and ``test/r2_high`` its interval, ``test/forest/r2`` the random
    forest's, ``test/ahead_of_forest/r2`` the paired difference; of several targets, ``test/COLUMN/r2``.
    """
    for column, judgement in judgements.items():
        place = judgement.part if len(judgements) == 1 else f"{judgement.part}/{column}"
        named = [(place if who == "model" else f"{place}/{who}", found) for who, found in judgement.results.items()]
        named += [(f"{place}/ahead_of_{who}", {judgement.main: lead}) for who, lead in judgement.lead.items()]
        for prefix, found in named:
            for metric, interval in found.items():
                ends = {"": interval.value, "_low": interval.low, "_high": interval.high}
                yield from ((f"{prefix}/{metric}{end}", float(x)) for end, x in ends.items() if np.isfinite(x))


def _whole(run: Path) -> Path | None:
    """The run that a fold or a member is a part of; None for a run of its own."""
    folder = run.absolute().parent
    return folder.parent if folder.name in PARTS and is_run_directory(folder.parent) else None
