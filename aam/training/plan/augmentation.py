"""The augmentation of a run: which samples may be mixed, and what becomes of their targets."""

from __future__ import annotations

from aam.config import AugmentationOptions, PretrainConfig, TrainConfig
from aam.data.augmentation import find_augmentation
from aam.data.batches.augmenter import Augmenter, ChangedSequences, joint_codes
from aam.data.batches.loaders import TrainingChanges
from aam.data.batches.mixture import Mixture
from aam.errors import ConfigError
from aam.training.plan.supervision import Inputs


def training_changes(config: PretrainConfig | TrainConfig, inputs: Inputs) -> TrainingChanges | None:
    """What changes the training samples of a run; None where nothing does.

    Samples are mixed where they have the same levels of covariates and of ``--normalize-by``.

    Raises
    ------
    ConfigError
        If the kind of target cannot be mixed.
    """
    options, study, targets = config.augmentation, inputs.study, inputs.targets
    classes = () if targets is None else targets.specs[0].classes
    codes = [inputs.level_N]
    if inputs.covariates is not None:
        codes += list(inputs.covariates.category_NC.T)
    class_N = None if not classes or inputs.target_NT is None else inputs.target_NT[:, 0]
    augmenter = Augmenter.of(options, study, inputs.split.train, config.run.seed, joint_codes(*codes), class_N)
    if augmenter is None:
        return None
    mixture = None
    if augmenter.mixes:
        if targets is not None and targets.kind.mixed_as is None:
            raise ConfigError(f"--augment {options.mixing[0]}: such targets cannot be mixed; leave it out")
        mixture = Mixture(len(classes) if targets is not None and targets.kind.mixed_as == "shares" else 0)
    sequences = ChangedSequences.of(augmenter, list(map(str, study.table.sequences)))
    return TrainingChanges(augmenter, mixture, sequences)


def augmentation_lines(options: AugmentationOptions) -> tuple[str, ...]:
    """What the augmentations do to the training samples, in words; nothing where there are none."""
    if not options.strengths:
        return ()
    parts = [f"{name} {strength:g} ({find_augmentation(name).strength.words})" for name, strength in options.strengths]
    return (f"training samples are augmented in every epoch: {', '.join(parts)}",)
