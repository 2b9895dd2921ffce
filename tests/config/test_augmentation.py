from __future__ import annotations

from typing import Any

import pytest

from aam.config import AugmentationOptions, PretrainConfig, TrainConfig, from_flat, to_flat
from aam.data.augmentation import OfReads, Strength, names, register_augmentation, unregister_augmentation
from aam.errors import ConfigError

INPUTS = {"table": ["t.biom"], "output_dir": "run"}
TRAINING = {**INPUTS, "metadata": "m.tsv", "metadata_column": "x", "learners": "network"}


def train(**options: Any) -> TrainConfig:
    return from_flat(TrainConfig, {**TRAINING, **options})


def test_strengths_come_in_the_order_in_which_they_are_applied() -> None:
    options = train(augment="trim=0.8,drop=.3,mixup=0.5").augmentation
    assert options.strengths == (("mixup", 0.5), ("drop", 0.3), ("trim", 0.8))
    assert options.mixing == ("mixup",)
    assert options.of_sequences == ("trim",)
    assert train().augmentation.strengths == ()


def test_they_survive_a_saved_run() -> None:
    config = train(augment="trim=0.8,drop=.3")
    assert from_flat(TrainConfig, to_flat(config)) == config


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ("mixup", "mixup=STRENGTH needs a number: share of the samples that are mixed with another, 0 to 1"),
        ("mixup=a lot", "needs a number"),
        ("mixup=1.5", "--augment mixup=1.5: the strength is the share of the samples"),
        ("depth=0", "the strength is the lowest share of the reads, 0.01 to 1"),
        ("drop=nan", "largest share of the ASVs that are lost"),
        ("mixp=0.5", "'mixp' is not known; did you mean mixup?"),
        ("zzz=0.5", "'zzz' is not known; take cutmix, mixup, phylomix, contaminate"),
        ("drop=.1,drop=.2", "--augment names drop twice"),
        ("mixup=.7,cutmix=.6", "cutmix + mixup mix 1.3 of the samples together: 1 at most"),
    ],
)
def test_what_cannot_be_is_refused(augment: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        train(augment=augment)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": "trim=0.5", "pretrained_encoder": "small", "freeze_base": True}, "--augment trim changes seq"),
        ({"augment": "drop=0.5", "distances": "d.npy", "encoder_type": "unifrac"}, "--augment drop changes samples"),
        ({"augment": "drop=0.5", "learners": "forest"}, "--augment is for the network"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        train(**options)
    assert message in str(refused.value)
    assert "leave" in str(refused.value) or "add" in str(refused.value)


def test_what_goes_together() -> None:
    assert train(augment="drop=0.5", pretrained_encoder="small", freeze_base=True)
    assert train(augment="trim=0.5", distances="d.npy", encoder_type="unifrac", penalty=1)
    with pytest.raises(ConfigError, match="--augment mixup changes samples"):
        from_flat(PretrainConfig, {**INPUTS, "augment": "mixup=1", "distances": "d.npy"})
    assert from_flat(PretrainConfig, {**INPUTS, "augment": "mixup=1"}).augmentation.strengths


class Nothing(OfReads):
    name = "nothing"
    strength = Strength("nothing", 0, 5)
    order = 15

    def changed(self, sample: Any, strength: float, rng: Any, other: Any) -> Any:
        return sample


def test_another_program_may_register_one() -> None:
    register_augmentation(Nothing())
    try:
        assert names().index("contaminate") < names().index("nothing") < names().index("drop")
        assert AugmentationOptions(augment=("nothing=4",)).strengths == (("nothing", 4.0),)
        with pytest.raises(ValueError, match="nothing already exists"):
            register_augmentation(Nothing())
    finally:
        unregister_augmentation("nothing")
    assert "nothing" not in names()
