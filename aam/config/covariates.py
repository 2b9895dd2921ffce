"""Covariates: metadata columns that the model uses as inputs, and how they are fused with the sample vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aam.config.option import Section, flag, option
from aam.errors import ConfigError

Fusion = Literal["concat", "add", "gmu", "cross-attention", "perceiver"]
READS_ASVS = ("cross-attention", "perceiver")


@dataclass(frozen=True, kw_only=True)
class CovariateOptions(Section):
    """Covariates: metadata columns used as inputs. `aam train --categorical-help` helps to choose."""

    categorical_columns: tuple[str, ...] = option(
        (), "Categorical covariates, such as season,site.", usual="Columns of classes as further inputs"
    )
    numeric_columns: tuple[str, ...] = option(
        (), "Numeric covariates; standardised.", usual="Columns of numbers as further inputs"
    )
    categorical_hierarchy: tuple[str, ...] = option(
        (),
        "Nested categorical covariates, finest first, such as city>state>country: a level starts as its parent, and an "
        "unknown level is treated as its parent.",
    )
    categorical_embed_dim: int = option(16, "Embedding width of a covariate.", at_least=1)
    categorical_fusion: Fusion = option(
        "concat",
        "How covariates are fused with the sample: concatenated, added, gated, or attending to its ASVs.",
    )
    unknown_level_rate: float = option(
        0.1,
        "Fraction of covariate values masked in training, so that the model can handle unknown ones.",
        at_least=0,
        below=1,
    )
    cross_attn_heads: int | None = option(
        None,
        "Attention heads of cross-attention and perceiver; must divide --embedding-dim.",
        at_least=1,
        at_most=64,
        derived="--attention-heads",
    )
    perceiver_num_latents: int = option(16, "Latent vectors of the perceiver.", at_least=1, at_most=1024)
    perceiver_num_layers: int = option(2, "Layers of the perceiver.", at_least=1, at_most=16)
    conditional_output_scaling: tuple[str, ...] = option(
        (), "Categorical covariates whose levels each scale and shift the output."
    )
    categorical_lr: float | None = option(
        None,
        "Peak learning rate of the covariate layers (not of the linear path, which uses --linear-path-lr).",
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
