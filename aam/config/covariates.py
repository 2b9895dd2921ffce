"""What is known of a sample beside its microbes, and how the model takes it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aam.config.option import Section, option
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
        "Share of the levels that are hidden in training, so that the model knows what to do with unknown ones.",
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
        None, "Peak learning rate of all that reads covariates.", above=0, derived="--lr"
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
        strange = [name for name in self.conditional_output_scaling if name not in categorical]
        if strange:
            raise ConfigError(f"--conditional-output-scaling: '{strange[0]}' is not among --categorical-columns")
        if not self.columns and (self.categorical_fusion != "concat" or self.categorical_lr is not None):
            raise ConfigError("--categorical-fusion and --categorical-lr need --categorical-columns")
        defaults = CovariateOptions.perceiver_num_latents, CovariateOptions.perceiver_num_layers
        if self.categorical_fusion != "perceiver" and defaults != (
            self.perceiver_num_latents,
            self.perceiver_num_layers,
        ):
            raise ConfigError("--perceiver-num-latents and --perceiver-num-layers need --categorical-fusion perceiver")
        if self.categorical_fusion not in READS_ASVS and self.cross_attn_heads is not None:
            raise ConfigError("--cross-attn-heads needs --categorical-fusion cross-attention or perceiver")
