"""The studies: those whose licence lets an encoder be shipped, and those that it is judged on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.config import StudyOptions, TableOptions
from aam.data.study.study import Study, TargetRequest, load_study
from aam.data.targets.kinds import CLASSES, NUMBERS, Kind
from benchmarks.accuracy.folds import Benchmark

BASES = 150
"""Longest read that the encoder is trained on; longer ones are trimmed to it."""
CC, MIT, BSD = "CC", "MIT", "BSD-3-Clause"
POOL = {
    "airway_lowbiomass": MIT,
    "bee_nectar_japan": MIT,
    "coral_porites": MIT,
    "dog_wolf_feces": MIT,
    "dust_israel": MIT,
    "fish_mackerel": BSD,
    "griffon_carrion": MIT,
    "gut_cron_diet": MIT,
    "gut_exmp_exercise": BSD,
    "gut_udca_crc": BSD,
    "horse_feces": MIT,
    "infant_ecam": BSD,
    "mouse_sleep_apnea": BSD,
    "movpic_gut_skin": MIT,
    "nasopharynx_children": MIT,
    "ocean_sbc_v4": MIT,
    "seagrass_syringodium": MIT,
    "sediment_bronx_river": MIT,
    "soil_neon_ph": MIT,
    "tick_microbiome": CC,
    "wastewater_wssc": MIT,
    "water_rice_2019": MIT,
}
"""Studies of the V4 region, forward from primer 515F, and the licence of the repository that each comes from.

`mouse_circadian_ihc` (BSD-3-Clause) is left out: its reads have 90 bases.
"""
EVALUATIONS = {
    "infant_ecam": Benchmark("month_of_life", "host_subject_id", "mom_child == 'C'"),
    "fish_mackerel": Benchmark("sample_type", "host_subject_id", classifier=True),
    "decomp_pmi": Benchmark("add_0c", "host_subject_id", "sample_site == 'soil.hip'"),
    "oral_age": Benchmark("age", "", "cohort == 'AGP'"),
    "mouse_age_seedorf": Benchmark("Age(days)", "mouse", "sub_study == 'longitudinal'"),
}
"""What is predicted in the studies that the encoder is judged on; no group where each sample is of another person."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A study with a target and groups that are held out whole.

    Attributes
    ----------
    name
        Its name.
    study
        Its samples that have a value of the target.
    truth
        The values, ``N x T``; of classes one column each, 0 or 1.
    strata
        Stratum of each sample, by which folds are balanced.
    groups
        Group of each sample.
    """

    name: str
    study: Study
    truth: np.ndarray
    strata: np.ndarray
    groups: np.ndarray

    @property
    def is_classes(self) -> bool:
        """Whether the target holds classes."""
        return EVALUATIONS[self.name].classifier


def folder_of(name: str, data: Path) -> Path:
    """Folder of a study, which lies in the data's folder or in ``more``."""
    found = [folder for folder in (data / name, data / "more" / name) if (folder / "table.biom").is_file()]
    if not found:
        raise SystemExit(f"{data}: holds no study {name}")
    return found[0]


def tables_of(names: Sequence[str], data: Path) -> tuple[Path, ...]:
    """The table of each study."""
    return tuple(folder_of(name, data) / "table.biom" for name in names)


def read_tables(names: Sequence[str], data: Path) -> Study:
    """The samples of studies, without metadata, with reads of at most ``BASES`` bases."""
    return load_study(table_options(tables_of(names, data)), StudyOptions(), None, None)


def table_options(tables: Sequence[Path]) -> TableOptions:
    """How tables are read for the encoder and for its judgement."""
    return TableOptions(table=tuple(tables), trim_length=BASES, cache=False)


def read_judged(name: str, data: Path) -> Judged:
    """Read a study with its target and groups."""
    benchmark = EVALUATIONS[name]
    kind: Kind = CLASSES if benchmark.classifier else NUMBERS
    folder = folder_of(name, data)
    study = load_study(
        table_options([folder / "table.biom"]),
        StudyOptions(metadata=folder / "metadata.tsv", where=benchmark.where or None),
        None,
        TargetRequest(columns=(benchmark.target,), kind=kind),
    )
    assert study.metadata is not None
    assert study.target is not None
    groups = study.metadata.labels(benchmark.group) if benchmark.group else study.sample_ids
    values = study.target
    truth = _one_hot(values) if benchmark.classifier else values.astype(np.float64)[:, None]
    whole = dataclasses.replace(study, rarefy_depth=None)
    return Judged(name, whole, truth, kind.strata(values), groups.astype(str))


def _one_hot(labels: np.ndarray) -> np.ndarray:
    classes, places = np.unique(labels.astype(str), return_inverse=True)
    return np.eye(len(classes))[places]
