"""The configuration of ``aam simulate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aam.config.option import REQUIRED, Section, option
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class SimulateOptions(Section):
    """Simulation: size and signal of the study."""

    output_dir: Path = option(REQUIRED, "Folder to create.", usual=True)
    overwrite: bool = option(False, "Replace the files of an earlier simulation.", usual=True)
    samples: int = option(200, "Samples.", at_least=2, at_most=10_000_000, usual=True)
    asvs: int = option(500, "ASVs (tips of a birth-death tree).", at_least=8, at_most=2_000_000, usual="ASVs")
    sequence_length: int = option(150, "Bases per ASV.", at_least=20, at_most=2_000)
    divergence: float = option(0.25, "Mean root-to-tip distance in substitutions per site.", above=0, at_most=5)
    asvs_per_sample: float | None = option(
        None,
        "Mean number of ASVs per sample.",
        at_least=2,
        derived="80, or a quarter of --asvs if that is less",
        usual="ASVs per sample",
    )
    reads: int = option(10_000, "Mean reads per sample.", at_least=10, at_most=100_000_000, usual=True)
    read_dispersion: float = option(0.5, "Standard deviation of ln(reads).", at_least=0, at_most=3)
    overdispersion: float = option(
        0.02,
        "Dirichlet-multinomial overdispersion of counts; 0 is multinomial.",
        at_least=0,
        below=1,
    )
    informative: float = option(0.3, "Fraction of ASVs, in whole clades, that follow the gradient.", above=0, at_most=1)
    effect: float = option(
        2.0,
        "Effect size: ln of the rise in abundance at the optimum.",
        at_least=0,
        at_most=20,
        usual="Effect size; 0 for nothing to be found",
    )
    noise: float = option(0.05, "Noise of the target as a fraction of the gradient.", at_least=0)
    classes: int = option(3, "Number of classes (column `group`).", at_least=2, usual="Classes of the column `group`")
    batches: int = option(1, "Number of batches (column `batch`).", at_least=1, at_most=1_000)
    batch_effect: float = option(0.5, "Standard deviation of the log batch effect over ASVs.", at_least=0, at_most=10)
    samples_per_subject: int | None = option(
        None,
        "Samples per subject (column `subject`).",
        at_least=1,
        derived="4, or half of --samples if that is less",
    )
    subject_effect: float = option(
        0.5, "Standard deviation of the log subject effect over ASVs.", at_least=0, at_most=10
    )
    seed: int = option(42, "Seed.", at_least=0, usual=True)
    progress: bool = option(True, "Show a progress bar; where there is no terminal, a line every 30 seconds.")

    def check(self) -> None:
        """Refuse samples with more ASVs than the study has."""
        if self.asvs_per_sample is not None and self.asvs_per_sample > self.asvs:
            raise ConfigError(f"--asvs-per-sample {self.asvs_per_sample:g} is more than --asvs {self.asvs}")

    @property
    def subject_size(self) -> int:
        """Samples per subject, as given or derived."""
        return min(4, self.samples // 2) if self.samples_per_subject is None else self.samples_per_subject

    @property
    def richness(self) -> float:
        """Mean number of ASVs per sample, as given or derived."""
        return min(80.0, self.asvs / 4) if self.asvs_per_sample is None else self.asvs_per_sample


@dataclass(frozen=True, kw_only=True)
class SimulateConfig:
    """All options of `aam simulate`."""

    simulate: SimulateOptions
