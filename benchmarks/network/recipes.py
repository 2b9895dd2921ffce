"""The ideas: each is the plain network with one thing changed."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Literal

Mixing = Literal["mixup", "clades", "cutmix"]
Auxiliary = Literal["profile", "metadata"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is built and trained.

    Attributes
    ----------
    words
        What is changed.
    epochs, rate
        Passes over the training samples, and the largest step of AdamW; it falls to 0 along a cosine.
    attention
        The shipped encoder's attention between the ASVs of a sample, trained further, instead of a layer that reads
        each ASV alone.
    hidden
        Widths of the head's hidden layers.
    path
        Whether soft clades have a linear path to the prediction, which starts as a ridge regression.
    num_clades
        Soft clades.
    components
        The head and the path read principal components of the clades of the DNA tree instead of soft clades.
    draws
        Rarefied draws of a sample in one step, and eight at prediction; 0 for all reads, as they are.
    mixing, mixed
        How samples are mixed, and the share of samples that is.
    dropped
        Largest share of the ASVs that is hidden in a step.
    averaged
        Mean of the weights over the last half, in which the step stays as it is, instead of the last weights.
    pooled
        Begin on other studies with the same target.
    auxiliary, auxiliary_weight
        What else is learned.
    seeds
        Networks whose predictions are averaged.
    seed
        Of the first.
    """

    words: str
    epochs: int = 10
    rate: float = 1e-3
    attention: bool = False
    hidden: tuple[int, ...] = (64,)
    path: bool = True
    num_clades: int = 256
    components: bool = False
    draws: int = 0
    mixing: Mixing | None = None
    mixed: float = 0.5
    dropped: float = 0.0
    averaged: bool = False
    pooled: bool = False
    auxiliary: Auxiliary | None = None
    auxiliary_weight: float = 0.3
    seeds: int = 1
    seed: int = 0

    @property
    def single(self) -> list[Recipe]:
        """The networks whose predictions are averaged, one by one."""
        return [replace(self, seed=self.seed + place, seeds=1) for place in range(self.seeds)]

    @property
    def key(self) -> str:
        """A name of files, the same for recipes that do the same."""
        told = {name: value for name, value in asdict(self).items() if name != "words"}
        return hashlib.blake2b(repr(sorted(told.items())).encode(), digest_size=6).hexdigest()


PLAIN = Recipe(words="the plain network")
IDEAS: dict[str, Recipe] = {
    "plain": PLAIN,
    "again": replace(PLAIN, words="nothing but another seed", seed=1),
    "start": replace(PLAIN, words="no training at all: the ridge regression that the network starts as", epochs=0),
    "draws": replace(PLAIN, words="two rarefied draws of a sample in a step, eight averaged at prediction", draws=2),
    "one-draw": replace(PLAIN, words="one rarefied draw of a sample in a step, eight averaged at prediction", draws=1),
    "mixup": replace(PLAIN, words="half of the samples mixed with another, with their targets", mixing="mixup"),
    "clades": replace(PLAIN, words="half of the samples take whole DNA clades from another", mixing="clades"),
    "cutmix": replace(PLAIN, words="half of the samples take single ASVs from another", mixing="cutmix"),
    "dropped": replace(PLAIN, words="up to half of a sample's ASVs hidden in a step", dropped=0.5),
    "averaged": replace(PLAIN, words="mean of the weights over the last half of training", averaged=True),
    "linear-head": replace(PLAIN, words="no hidden layer in the head", hidden=()),
    "wide-head": replace(PLAIN, words="a head of 256 and 64 instead of 64", hidden=(256, 64)),
    "no-path": replace(PLAIN, words="no linear path beside the head", path=False),
    "attention": replace(PLAIN, words="the encoder's attention between ASVs, trained further", attention=True),
    "gentle": replace(PLAIN, words="a rate of 0.0003 instead of 0.001", rate=3e-4),
    "more-clades": replace(PLAIN, words="1,024 soft clades instead of 256", num_clades=1_024),
    "components": replace(PLAIN, words="components of DNA clades, as kernels read them", components=True),
    "components-clades": replace(PLAIN, words="the same, and clades mixed", components=True, mixing="clades"),
    "components-start": replace(PLAIN, words="the same without training", components=True, epochs=0),
    "long": replace(PLAIN, words="30 epochs instead of 10", epochs=30),
    "long-clades": replace(PLAIN, words="the same, and clades mixed", epochs=30, mixing="clades"),
    "profile": replace(PLAIN, words="learn the abundances of clades as well, a quarter of the ASVs hidden",
                       auxiliary="profile", dropped=0.25),
    "metadata": replace(PLAIN, words="learn the other numbers of the metadata as well", auxiliary="metadata"),
    "pooled": replace(PLAIN, words="begin on other studies with the same target, then fine-tune", pooled=True),
    "seeds": replace(PLAIN, words="mean of five networks", seeds=5),
    "together": replace(PLAIN, words="components, whole DNA clades mixed, a rate of 0.0003, mean of five networks",
                        components=True, mixing="clades", rate=3e-4, seeds=5),
}  # fmt: skip
