"""Training one configuration on one split, in memory; what several configurations have in common is computed once.

A blend's members are fitted one by one, so that two configurations that differ in one member's settings, or in the
weights alone, share the predictions of all others. Nothing depends on what was fitted before but the time.

Legend: ``M`` members, ``B`` training samples, ``T`` targets.
"""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from aam.config import TrainConfig, to_flat
from aam.config.tuning.settings import READERS, settings_read_by
from aam.data.study.split import Split
from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.learners.blend import blend_weights, combine, even_weights
from aam.learners.catalogue import FOREST, NETWORK
from aam.learners.held_out import samples_of
from aam.learners.members import possible_members
from aam.learners.protocol import Labelled, Task
from aam.log import muted
from aam.training.plan.supervision import Inputs, fit_inputs, learned_split
from aam.workflows.runs.blend.checks import check_learnable
from aam.workflows.runs.blend.inputs import encoding, inner_folds, labelled, new_members, ordered_rows, shared_task

MOST_KEPT = 256 * 1024**2
"""Bytes of predictions that are kept for later configurations."""
OF_THE_WHOLE = ("learners", "fine_tune", "blend_pull", "output_dir", "progress", "report", "verbose")
"""Options that change no member."""


class Member(NamedTuple):
    """What a member predicts of its training samples without their fold, and of the held-out samples."""

    out_of_fold: np.ndarray
    held_out: np.ndarray
    seconds: float

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self.out_of_fold.nbytes + self.held_out.nbytes


class Fitted(NamedTuple):
    """Predictions of the held-out samples for each target, and the seconds that the training took."""

    tables: list[Predictions]
    seconds: float


class Fitter:
    """Trains configurations on splits of one study.

    Parameters
    ----------
    study
        All that may be seen.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._tasks: dict[tuple[Any, ...], tuple[Task, float]] = {}
        self._members: OrderedDict[tuple[Any, ...], Member] = OrderedDict()

    def predict(self, config: TrainConfig, split: Split) -> Fitted:
        """Train on the training part as ``aam train`` does, and predict the test part.

        Parameters
        ----------
        config
            What to train.
        split
            Rows of the study.

        Raises
        ------
        ConfigError, InputError
            If none of the learners can be a member, or the samples cannot teach a target.
        """
        inputs = fit_inputs(config, self.study, learned_split(config, split))
        with muted():
            return self._blend(config, inputs) if config.is_blend else self._network(config, inputs)

    def _blend(self, config: TrainConfig, inputs: Inputs) -> Fitted:
        targets, rows = inputs.targets, ordered_rows(inputs)
        assert targets is not None
        samples = labelled(inputs, rows)
        fold_B = inner_folds(config, inputs, samples)
        check_learnable(config, inputs, samples, fold_B)
        names, _ = possible_members(config.members, inputs.study, has_encoder=config.transfer.names_encoder)
        task, shared = self._task(config, inputs, names)
        found = [self._member(name, config, task, samples, fold_B, inputs) for name in names]
        out_of_fold_M = np.stack([one.out_of_fold for one in found])
        pull = config.settings.blend_pull
        weights_MT = blend_weights(out_of_fold_M, samples, targets, even_weights(names), pull)
        learned = combine(np.stack([one.held_out for one in found]), weights_MT, targets)
        decoder = PredictionDecoder(targets=targets, head=config.head)
        known = samples_of(targets, inputs.study, inputs.split.test, inputs.groups)
        return Fitted(decoder.predictions(learned[None], known), shared + sum(one.seconds for one in found))

    def _member(
        self,
        name: str,
        config: TrainConfig,
        task: Task,
        samples: Labelled,
        fold_B: np.ndarray,
        inputs: Inputs,
    ) -> Member:
        study, test = inputs.study, inputs.split.test
        key = (name, test.tobytes(), *_read_by(name, config))
        if key in self._members:
            self._members.move_to_end(key)
            return self._members[key]
        started = time.perf_counter()
        (learner,) = new_members(config, task, [name], inputs)
        out_of_fold = learner.cross_fit(study, samples, fold_B)
        held_out = learner.predict(study, test)
        found = self._members[key] = Member(out_of_fold, held_out, time.perf_counter() - started)
        kept = sum(one.bytes for one in self._members.values())
        while kept > MOST_KEPT and len(self._members) > 1:
            kept -= self._members.popitem(last=False)[1].bytes
        return found

    def _task(self, config: TrainConfig, inputs: Inputs, names: list[str]) -> tuple[Task, float]:
        """What the members have in common, and the seconds that it took; known ASVs and their trees are made once."""
        needs_reference = bool(set(names) - {FOREST, NETWORK})
        key = (inputs.split.test.tobytes(), needs_reference, str(config.transfer.pretrained_encoder))
        if key not in self._tasks:
            started = time.perf_counter()
            made = shared_task(config, inputs, names, encoding(config))
            self._tasks[key] = (made, time.perf_counter() - started)
        task, seconds = self._tasks[key]
        assert inputs.targets is not None
        own = dataclasses.replace(
            task, targets=inputs.targets, covariate_spec=inputs.covariate_spec, settings=config.settings
        )
        return own, seconds

    def _network(self, config: TrainConfig, inputs: Inputs) -> Fitted:
        from aam.data.batches.loaders import LoaderOptions
        from aam.learners.network_training import train_prepared
        from aam.models.inference import BatchPredictor
        from aam.training.hardware.device import choose_device
        from aam.training.run.build_run import prepare_predictor
        from aam.training.run.transfer import with_encoder

        started = time.perf_counter()
        sized, pretrained = with_encoder(config)
        network, description = train_prepared(prepare_predictor(sized, inputs, pretrained), "train")
        test, targets = inputs.split.test, description.targets
        assert targets is not None
        predictor = BatchPredictor(
            [network],
            inputs.study,
            description.sampling,
            LoaderOptions(batch_size=64, seed=config.run.seed),
            choose_device(config.run.device),
            inputs.covariates,
            False,
        )
        draws = range(config.evaluation.val_prediction_passes)
        learned = np.stack([_outputs(predictor, test, draw) for draw in draws])
        decoder = PredictionDecoder(targets=targets, head=config.head)
        known = samples_of(targets, inputs.study, test, inputs.groups)
        return Fitted(decoder.predictions(learned, known), time.perf_counter() - started)


def _outputs(predictor: Any, rows: np.ndarray, draw: int) -> np.ndarray:
    return np.concatenate([output.learned for output in predictor.run(rows, draw)])


def _read_by(name: str, config: TrainConfig) -> tuple[str, ...]:
    """Name and value of all options that a member's predictions can depend on."""
    unread = set(READERS) - set(settings_read_by(name))
    left_out = {*OF_THE_WHOLE, *unread}
    return tuple(f"{key}={value!r}" for key, value in to_flat(config).items() if key not in left_out)
