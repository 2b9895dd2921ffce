"""Embed the samples of a table: read, make vectors, ordinate and test them, and write what is found."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aam.config.commands.embed import EmbedConfig, EmbedInMemoryConfig
from aam.config.option import input_paths
from aam.log import say, warn
from aam.models.folder.paths import unfinished_notes
from aam.progress import Bar
from aam.runs.outputs import check_apart
from aam.runs.result_folder import result_folder
from aam.text import listed, plural
from aam.workflows.embedding import RECORD
from aam.workflows.embedding.columns import colours_of, group_column_among, groups_of, groups_words
from aam.workflows.embedding.distances import (
    FEWEST,
    OnTree,
    depth_of,
    distances_among,
    metric_of,
    study_on_tree,
    title_of,
)
from aam.workflows.embedding.extras import check_extra
from aam.workflows.embedding.training import group_column_of, trained_ids, training_study
from aam.workflows.model_input import read_samples

if TYPE_CHECKING:
    from aam.data.study.study import Study
    from aam.files.columns import Columns
    from aam.report.embedding import Colour
    from aam.workflows.embedding.clades import CladeVectors
    from aam.workflows.embedding.ordinate import Ordinated
    from aam.workflows.embedding.result import Embedding
    from aam.workflows.embedding.vectors import Embedder, Vectors
    from aam.workflows.trained.model import TrainedModel


def embed(config: EmbedConfig) -> Embedding:
    """Embed the samples of a table, and write the results to a folder.

    Raises
    ------
    CheckpointError
        If the model cannot be read.
    ConfigError, InputError
        If an option, an input or the output folder cannot be used.
    """
    from aam.workflows.embedding.files import write_embedding

    output = config.output.output_dir
    check_apart([output], input_paths(config))
    started = time.monotonic()
    with result_folder(output, RECORD, overwrite=config.output.overwrite) as folder:
        found, study = _embed(config)
        write_embedding(folder, found, study, config)
    say(f"embedded {plural(len(found.samples), 'sample')} in {time.monotonic() - started:.1f} s")
    return found


def embed_in_memory(config: EmbedInMemoryConfig) -> Embedding:
    """The same, without writing anything.

    Raises
    ------
    CheckpointError, ConfigError, InputError
        As :func:`embed`.
    """
    return _embed(config)[0]


def _embed(config: EmbedInMemoryConfig) -> tuple[Embedding, Study]:
    """Do all of it; the results, and the samples with their metadata."""
    from aam.workflows.trained.loading import load_model

    _check_extras(config)
    model = load_model(config.embed.model)
    for line in unfinished_notes(config.embed.model):
        warn(line)
    study = _samples(config, model)
    sheet = study.metadata
    assert sheet is not None
    job = _Job(
        config=config,
        model=model,
        study=study,
        colours=colours_of(sheet, config.ordination.colour, model.manifest.targets),
    )
    return job.run(), study


def _check_extras(config: EmbedInMemoryConfig) -> None:
    """Refuse what needs packages that are not installed, before anything is read."""
    for name, flag, wanted in (
        ("umap", "--umap", config.ordination.umap),
        ("emperor", "--emperor", config.ordination.emperor),
    ):
        if wanted:
            check_extra(name, flag)


def _samples(config: EmbedInMemoryConfig, model: TrainedModel) -> Study:
    """The samples, with their metadata."""
    return read_samples(model, config.table, config.embed)[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    """What is to be done with the samples of one table.

    Attributes
    ----------
    config, model, study
        What was asked for, the model, and the samples with their metadata.
    colours
        Columns to colour by and to test.
    """

    config: EmbedInMemoryConfig
    model: TrainedModel
    study: Study
    colours: list[Colour]

    def run(self) -> Embedding:
        """Make vectors, and find what they tell."""
        from aam.workflows.embedding.vectors import Vectors, embedder_of

        options = self.config.ordination
        assert self.study.metadata is not None
        of_run = group_column_of(self.config.embed.model)
        column = group_column_among(self.study.metadata, options.group_column, of_run)
        groups = groups_of(self.study.metadata, column)
        say(*groups_words(self.study.metadata, column, groups, [one.column for one in self.colours]))
        on_tree = None
        if options.tree is not None:
            on_tree = study_on_tree(self.study, options, options.tree, cache=self.config.table.cache)
        training = training_study(self.config, self.model)
        embedder = embedder_of(self.model, self.study, self.config.embed)
        say(embedder.words, *self._plan(training))
        for note in embedder.notes:
            warn(note)
        vectors = self._vectors(embedder, self.study, "samples")
        samples = Vectors("samples", self.study.sample_ids, vectors, embedder.words)
        asvs, clades = self._asvs(embedder, vectors, on_tree)
        nearest = None if training is None else self._nearest(embedder, vectors, training)
        ordinated = self._ordinated(vectors, on_tree, groups)
        return self._result(embedder, samples, (asvs, clades), nearest, ordinated)

    def _plan(self, training: Study | None) -> Iterator[str]:
        options, number = self.config.ordination, len(self.study)
        if number < FEWEST:
            yield f"no ordination of {plural(number, 'sample')}"
        else:
            some = min(number, options.max_ordinated)
            of = f"{some:,} of {number:,} samples at random" if some < number else plural(number, "sample")
            tested = [colour.column for colour in self.colours]
            tests = f"; PERMANOVA of {listed(tested)}" if tested else ""
            yield f"ordination: {title_of(metric_of(options))} and the learned distance of {of}{tests}"
        if training is not None:
            yield f"nearest samples among {plural(len(training), 'training sample')}"

    def _vectors(self, embedder: Embedder, study: Study, what: str) -> np.ndarray:
        with Bar(f"embedding {what}", "samples", len(study), wanted=self.config.embed.progress) as bar:
            return embedder.samples(study, bar.advance)

    def _asvs(
        self, embedder: Embedder, vectors: np.ndarray, on_tree: OnTree | None
    ) -> tuple[Vectors | None, CladeVectors | None]:
        """Vectors of ASVs and of clades, where they are asked for."""
        from aam.workflows.embedding.clades import clade_vectors, tree_for_clades
        from aam.workflows.embedding.vectors import Vectors

        wanted = self.config.embed.of
        if not {"asvs", "clades"} & set(wanted):
            return None, None
        values = embedder.asvs(self.study, vectors)
        asvs = Vectors("asvs", self.study.table.asv_ids, values, embedder.asv_words) if "asvs" in wanted else None
        if "clades" not in wanted:
            return asvs, None
        tree = tree_for_clades(self.model, self.study, None if on_tree is None else on_tree.named)
        return asvs, clade_vectors(self.study, values, tree)

    def _nearest(self, embedder: Embedder, vectors: np.ndarray, training: Study) -> Columns:
        """The nearest training samples, with their values of the targets and of the columns that are shown."""
        from aam.workflows.embedding.nearest import nearest_samples

        points = self._vectors(embedder, training, "training samples")
        sheet = training.metadata
        assert sheet is not None
        wanted = dict.fromkeys([*self.model.columns, *self.config.ordination.colour])
        return nearest_samples(
            (self.study.sample_ids, vectors),
            (training.sample_ids, points),
            {str(name): sheet.columns[name] for name in wanted if name in sheet.columns},
            self.config.nearest.neighbours,
            self.config.embed.seed,
        )

    def _ordinated(self, vectors: np.ndarray, on_tree: OnTree | None, groups: np.ndarray | None) -> Ordinated | None:
        """Ordinations and tests of some of the samples; None where there are too few."""
        from aam.data.distances.measure import Measure
        from aam.workflows.embedding.ordinate import Testing, ordinate

        options, seed, progress = self.config.ordination, self.config.embed.seed, self.config.embed.progress
        metric = metric_of(options)
        study = self.study if on_tree is None else on_tree.study
        if len(study) < FEWEST:
            return None
        places = np.arange(len(study))
        if len(places) > options.max_ordinated:
            places = np.sort(np.random.default_rng(seed).choice(len(places), options.max_ordinated, replace=False))
        treated = dataclasses.replace(study, rarefy_depth=depth_of(study, options))
        measure = Measure(metric, None if on_tree is None else on_tree.phylogeny)
        distances = distances_among(treated, places, measure, seed=seed, progress=progress)
        rows = places if on_tree is None else on_tree.rows[places]
        testing = Testing(
            colours=self.colours,
            groups=groups,
            permutations=options.permutations,
            axes=options.axes,
            seed=seed,
            progress=progress,
        )
        return ordinate(vectors[rows], rows, distances, metric, testing)

    def _result(
        self,
        embedder: Embedder,
        samples: Vectors,
        others: tuple[Vectors | None, CladeVectors | None],
        nearest: Columns | None,
        ordinated: Ordinated | None,
    ) -> Embedding:
        from aam.report.embedding import Findings
        from aam.workflows.embedding.extras import umap_layout
        from aam.workflows.embedding.ordinate import layouts_of
        from aam.workflows.embedding.result import Embedding

        asvs, clades = others
        rows = np.empty(0, dtype=np.int64) if ordinated is None else ordinated.rows
        umap = None
        if self.config.ordination.umap and ordinated is not None:
            umap = umap_layout(samples.values[rows], self.config.embed.seed)
        words = [
            embedder.words,
            *([] if asvs is None else [asvs.words]),
            *([] if clades is None else [clades.vectors.words]),
        ]
        trained = trained_ids(self.config.embed.model)
        findings = Findings(
            title=f"{self.config.table.table[0].name} \u00b7 {self.config.embed.model.resolve().name}",
            words=words,
            num_samples=len(samples),
            metric="" if ordinated is None else title_of(metric_of(self.config.ordination)),
            rows=rows,
            layouts=[] if ordinated is None else layouts_of(ordinated.ordinations, umap),
            colours=self.colours,
            permanova=None if ordinated is None else ordinated.permanova,
            agreement=None if ordinated is None else ordinated.agreement,
            nearest=nearest,
            num_trained=None if trained is None else sum(name in trained for name in samples.ids[rows].tolist()),
            notes=[f"{note[0].upper()}{note[1:]}." for note in embedder.notes],
        )
        return Embedding(
            samples=samples,
            asvs=asvs,
            clades=clades,
            ordinated_ids=self.study.sample_ids[rows],
            ordinations={} if ordinated is None else ordinated.ordinations,
            umap=umap,
            permanova=findings.permanova,
            agreement=findings.agreement,
            nearest=nearest,
            findings=findings,
            facts=embedder.facts,
        )
