"""The encoder that lies in the package: trained on the whole pool, with the sketch of its sequences and its card."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

from aam.data.study.study import Study
from aam.files.atomic import write_text
from aam.models.folder.description import ModelDescription
from aam.models.folder.paths import CARD, CONFIG, WEIGHTS
from aam.models.folder.weights import load_model
from aam.models.shipped import KNOWN, NAMES, PREFIX_BASES, familiar_reads, folder_of, write_known
from benchmarks.encoder.compare import UNTRAINED
from benchmarks.encoder.provenance import COMMANDS, EPOCHS, KEPT_OUT, PROVENANCE, SHIPPED, shares
from benchmarks.encoder.recipes import name_of, pretrained, run_folder
from benchmarks.encoder.studies import BASES, POOL, read_judged, read_tables

FIGURES = {
    "distance_correlation": "correlation of learned and true distances",
    "nucleotide_accuracy": "accuracy of masked nucleotides",
    "count_correlation": "correlation of masked abundances",
}


Judged = dict[str, dict[str, float]]
CARD_TEXT = """\
# Encoder `{name}`

An encoder of 16S amplicon samples, pre-trained on public studies of many habitats. It turns the ASVs of a sample into
one vector. No metadata were read.

## Sizes

Width {width}; {layers} layers over nucleotides, ASVs, and ASVs before pooling; {patch} bases a token; {clades} soft
clades; {kilobytes:,.0f} kB with the sketch of its sequences.

## Data

{samples:,} samples and {asvs:,} distinct sequences of the V4 region, forward from primer 515F, trimmed to {bases}
bases, of {number} studies. Licences are those of the repositories that the tables come from; the reads may carry other
terms at their archives.

| study | samples | ASVs | licence |
|---|---|---|---|
{studies}

`{known}` holds a number of eight bytes for each distinct beginning of {prefix} bases. By it AAM
tells how many of a sample's reads the encoder has seen.

## Figures

Validation samples (a twentieth of the pool, of the same studies):

{validation}

Studies that it never saw, though the licence of `infant_ecam` and `fish_mackerel` would have let it: kernel ridge
regression, whole groups held out; R2, and AUROC for `fish_mackerel`. "Its clades" are Ward's clades in its space of ASV
vectors; those of an untrained encoder of these sizes stand beside them. "Known" is the share of a sample's reads whose
sequence it was trained on.

| study | known | ASVs, 6-mer clades | sample vector | all of these | ASVs, its clades | ASVs, clades untrained |
|---|---|---|---|---|---|---|
{judged}

## Limits

- Reads have to start after primer 515F. Longer ones are trimmed to {bases} bases. One study of the pool has reads of
  100 bases: shorter reads are encoded, but were hardly learned.
- Two thirds of the samples are of the human gut, mouth, airways and skin; of soil, plants and sediments there are few.
- Samples were rarefied to {depth:,} reads for training.
- It adds next to nothing to kernels on ASVs and clades of 6-mers, and its clades are no better than those of an encoder
  that was never trained. Do not expect better predictions from it.

## Licence

BSD-3-Clause, as AAM.

## Reproduce

```console
{commands}
```

`{provenance}` lists the data with their repositories, licences and checksums, the code, the options and the figures.
"""


def ship(options: argparse.Namespace) -> None:
    """Pre-train the encoder where that is not done, and put it into the package; it was judged before."""
    studies = [name for name in POOL if name not in KEPT_OUT]
    run = run_folder(options.work, name_of(SHIPPED, EPOCHS))
    pretrained(SHIPPED, studies, options.data, run, epochs=EPOCHS)
    folder = folder_of(NAMES[0])
    folder.mkdir(parents=True, exist_ok=True)
    for file in (WEIGHTS, CONFIG):
        shutil.copyfile(run / "model" / file, folder / file)
    study = read_tables(studies, options.data)
    write_known(folder, study.tokens, study.lengths)
    _, description = load_model(folder)
    record = json.loads((options.output / "encoder.json").read_text(encoding="utf-8"))
    kilobytes = sum((folder / file).stat().st_size for file in (WEIGHTS, CONFIG, KNOWN)) / 1000
    scores = record["scores"]
    judged = {
        name: {**found, "CT before": scores[UNTRAINED][name]["CT"], "known": _known_reads(name, options.data)}
        for name, found in scores[name_of(SHIPPED, EPOCHS)].items()
    }
    write_text(folder / CARD, card(study, description, judged, kilobytes))


def _known_reads(name: str, data: Path) -> float:
    """Mean share of a sample's reads that the encoder was trained on."""
    return float(familiar_reads(NAMES[0], read_judged(name, data).study).mean())


def card(study: Study, description: ModelDescription, judged: Judged, kilobytes: float) -> str:
    """The model card.

    Parameters
    ----------
    study
        The samples of the pool.
    description
        The description of the encoder.
    judged
        What it knows of studies that were left out, by study.
    kilobytes
        Size of its files.
    """
    options, record = description.options, description.record
    values = {key: (words, record.get(f"validation {key}")) for key, words in FIGURES.items()}
    return CARD_TEXT.format(
        name=NAMES[0],
        commands="\n".join(COMMANDS),
        provenance=PROVENANCE,
        width=options.embedding_dim,
        layers=", ".join(str(number) for number in options.layers),
        patch=options.nucleotide_patch,
        clades=options.num_soft_clades,
        kilobytes=kilobytes,
        samples=len(study),
        asvs=len(study.lengths),
        bases=BASES,
        number=len(np.unique(study.table.studies)),
        studies="\n".join(_studies(study)),
        known=KNOWN,
        prefix=PREFIX_BASES,
        depth=description.data["rarefy_depth"],
        validation="\n".join(f"- {words}: {value:.2f}" for words, value in values.values() if value is not None),
        judged="\n".join(
            f"| {study_name} | {found['known']:.0%} | {_cells(found)} |" for study_name, found in judged.items()
        ),
    )


def _studies(study: Study) -> list[str]:
    """Samples and ASVs of each study."""
    return [f"| {name} | {samples:,} | {asvs:,} | {licence} |" for name, samples, asvs, licence in shares(study)]


def _cells(found: dict[str, float]) -> str:
    scores = (found[key] for key in ("CD", "E", "CD+E", "CT", "CT before"))
    return " | ".join(f"{score:.3f}" for score in scores)
