"""What is known of a sample beside its microbes, and how the model takes it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aam.config.option import Section, flag, option
from aam.errors import ConfigError

Fusion = Literal["concat", "add", "gmu", "cross-attention", "perceiver"]
READS_ASVS = ("cross-attention", "perceiver")


@dataclass(frozen=True, kw_only=True)
class CovariateOptions(Section):
    """Covariates: columns of the sample sheet that the prediction may use. `aam train --categorical-help` helps."""

    categorical_columns: tuple[str, ...] = option((), "Columns whose levels the model is told, such as season,site.")
    numeric_columns: tuple[str, ...] = option((), "Columns whose numbers the model is told, standardised.")
    categorical_hierarchy: tuple[str, ...] = option(
        (),
        "Columns of which each lies within the next, such as city>state>country: a level starts as its parent, and an "
        "unknown one stays it.",
    )
    categorical_embed_dim: int = option(16, "Width of the vector of a level, or of a number.", at_least=1)
    categorical_fusion: Fusion = option(
        "concat",
        "How covariates meet the sample's vector: beside it, added, through a gate, or as questions to its ASVs.",
    )
    unknown_level_rate: float = option(
        0.1,
        "Share of the levels and numbers that are hidden in training, so that the model knows what to do without them.",
        at_least=0,
        below=1,
    )
    cross_attn_heads: int | None = option(
        None,
        "Heads of cross-attention and perceiver; must divide the width.",
        at_least=1,
        at_most=64,
        derived="--attention-heads",
    )
    perceiver_num_latents: int = option(16, "Latent vectors of the perceiver.", at_least=1, at_most=1024)
    perceiver_num_layers: int = option(2, "Layers over the perceiver's latent vectors.", at_least=1, at_most=16)
    conditional_output_scaling: tuple[str, ...] = option(
        (), "Categorical columns whose levels have a scale and a bias of the output each."
    )
    categorical_lr: float | None = option(
        None,
        "Peak learning rate of what fuses covariates and scales by them; the linear path reads them too, and keeps "
        "--linear-path-lr.",
        above=0,
        derived="--lr",
    )

    @property
    def hierarchies(self) -> tuple[tuple[str, ...], ...]:
        """The columns of each hierarchy, the finest first."""
        return tuple(tuple(name.strip() for name in chain.split(">")) for chain in self.categorical_hierarchy)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        of_hierarchies = [name for chain in self.hierarchies for name in chain]
        return tuple(dict.fromkeys([*self.categorical_columns, *of_hierarchies, *self.numeric_columns]))

    @property
    def read_asvs(self) -> bool:
        """Whether covariates ask the sample's ASVs, so that the sample's vector is not enough."""
        return bool(self.columns) and self.categorical_fusion in READS_ASVS

    def check(self) -> None:
        """Refuse options that say nothing, or two things, of a column."""
        for chain in self.hierarchies:
            if len(chain) < 2 or not all(chain):
                raise ConfigError("--categorical-hierarchy needs two columns or more, such as city>state>country")
        in_chains = [name for chain in self.hierarchies for name in chain]
        categorical = [*self.categorical_columns, *in_chains]
        named = [*self.categorical_columns, *self.numeric_columns]
        twice = [name for name in named if named.count(name) > 1]
        twice += [name for name in in_chains if in_chains.count(name) > 1 or name in self.numeric_columns]
        if twice:
            raise ConfigError(f"'{twice[0]}' is named twice among the covariates")
        self._check_scaling(categorical)
        self._check_unused()

    def _check_scaling(self, categorical: list[str]) -> None:
        scaling = self.conditional_output_scaling
        strange = [name for name in scaling if name not in categorical]
        if strange:
            raise ConfigError(f"--conditional-output-scaling: '{strange[0]}' is not among --categorical-columns")
        twice = [name for name in scaling if scaling.count(name) > 1]
        if twice:
            raise ConfigError(f"--conditional-output-scaling names '{twice[0]}' twice")

    def _check_unused(self) -> None:
        """Refuse options that would do nothing."""
        asks, latent = self.categorical_fusion in READS_ASVS, self.categorical_fusion == "perceiver"
        needs = {
            "categorical_embed_dim": ("--categorical-columns or --numeric-columns", bool(self.columns)),
            "categorical_fusion": ("--categorical-columns or --numeric-columns", bool(self.columns)),
            "categorical_lr": ("--categorical-columns or --numeric-columns", bool(self.columns)),
            "unknown_level_rate": ("--categorical-columns or --numeric-columns", bool(self.columns)),
            "cross_attn_heads": ("--categorical-fusion cross-attention or perceiver", asks),
            "perceiver_num_latents": ("--categorical-fusion perceiver", latent),
            "perceiver_num_layers": ("--categorical-fusion perceiver", latent),
        }
        for name, (needed, is_there) in needs.items():
            if not is_there and getattr(self, name) != getattr(CovariateOptions, name):
                raise ConfigError(f"{flag(name)} needs {needed}")
