"""What an objective of pre-training is: all that the rest of the program asks of it.

Objectives start without torch, so that options can be read and runs planned quickly; a head is made, and anything
hidden, only where a model is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from aam.config import ModelOptions, ObjectiveOptions, PretrainConfig, TrainConfig
from aam.data.batches.truths import TruthFormula, TruthOf
from aam.evaluation.catalogue import Metric
from aam.models.size_estimate import linear_parameters

if TYPE_CHECKING:
    import torch

    from aam.data.batches.batch import Batch
    from aam.data.study.study import Study
    from aam.models.heads import SelfSupervisedHead

MetricFormula = Literal["correlation", "mae", "accuracy"]
OWN_WEIGHT = "penalty"


class Given(NamedTuple):
    """What is given with a table, of that which objectives may need."""

    tree: bool
    distances: bool
    taxonomy: bool


class Measured(NamedTuple):
    """A metric of an objective.

    Attributes
    ----------
    name
        As in ``metrics.csv``, without ``val_``.
    formula
        How it is computed from the head's predictions and truths.
    metric
        What the report says of it, and whether more is better.
    """

    name: str
    formula: MetricFormula
    metric: Metric


class Objective:
    """One thing that an encoder learns without labels. Subclass it, and register an object of the class.

    Attributes
    ----------
    name
        The choice of ``--encoder-type``; of an objective with a weight of its own, its field of
        :class:`~aam.models.sequence_encoder.SelfSupervision`.
    head_name
        Its head: the name of its tensors in the model, of its truth and of its loss (``train_NAME_loss``).
    weight_option
        The option that weighs its loss: ``penalty`` is that of the encoder type.
    options
        The options that it uses and other objectives may not.
    loss_label
        Its loss in the report.
    short_label
        Its loss in the progress bar, if it is not the head's name.
    metrics
        What is measured on the validation samples; the first is the one that the report shows.
    truth_of
        What its truth is a property of; None where the batch itself holds it, and some of it is hidden.
    hides
        Whether it hides part of a batch from the model. Objectives that do not are measured with nothing hidden.
    has_classes
        Whether the study's taxa are its classes.
    """

    name: str
    head_name: str
    weight_option: str = OWN_WEIGHT
    options: tuple[str, ...] = ()
    loss_label: str
    short_label: str = ""
    metrics: tuple[Measured, ...]
    truth_of: TruthOf | None = None
    hides: bool = False
    has_classes: bool = False

    @property
    def is_choice(self) -> bool:
        """Whether ``--encoder-type`` chooses it."""
        return self.weight_option == OWN_WEIGHT

    def parts(self, has_classes: bool) -> tuple[Objective, ...]:
        """The objectives that it is made of, where the study has classes of ASVs or not: itself."""
        return (self,)

    def weight(self, options: ObjectiveOptions) -> float:
        """Weight of its loss."""
        return getattr(options, self.weight_option) or 0.0

    def is_in_model(self, config: PretrainConfig | TrainConfig) -> bool:
        """Whether a run's model has its head, where it is the encoder type or has a weight of its own."""
        return bool(self.weight(config.objective))

    def check(self, options: ObjectiveOptions, given: Given) -> None:
        """Refuse to learn it from what is given.

        Raises
        ------
        ConfigError
            With what it needs.
        """

    def truth(self, study: Study, options: ObjectiveOptions) -> TruthFormula:
        """What computes its truth from the samples of a batch, where ``truth_of`` says of what.

        Raises
        ------
        InputError
            If what is given with the study cannot be such a truth.
        """
        raise NotImplementedError

    def head(self, model: ModelOptions, num_classes: int) -> SelfSupervisedHead:
        """A fresh head, named ``head_name``, for a model of these sizes and so many classes."""
        raise NotImplementedError

    def num_parameters(self, model: ModelOptions, num_classes: int) -> int:
        """Weights of the head, by a formula: nothing is built for it."""
        raise NotImplementedError

    def hide(
        self, batch: Batch, options: ObjectiveOptions, model: ModelOptions, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """What is hidden from the model, by its field of :class:`~aam.data.batches.corruption.Corruption`."""
        return {}


class SampleNumber(Objective):
    """A number of each sample, such as a diversity: ``truth`` gives ``B`` numbers. Standardised, with Huber's loss."""

    truth_of = "samples"

    def head(self, model: ModelOptions, num_classes: int) -> SelfSupervisedHead:
        """A linear map of the sample's vector."""
        from aam.models.heads import SampleNumberHead

        return SampleNumberHead(self.head_name, model.embedding_dim)

    def num_parameters(self, model: ModelOptions, num_classes: int) -> int:
        """One output."""
        return linear_parameters(model.embedding_dim, 1)
