"""Methods that look into networks: recovery, completeness of integrated gradients, and random weights as a null."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import r2_score

import aam
from aam.config import TableOptions
from aam.explanation.catalogue import METHODS
from aam.explanation.method import Method, Subject
from aam.explanation.model import MODEL, ExplainedModel
from aam.explanation.network.gradients import Gradients, walk
from aam.explanation.network.members import readers_of
from aam.explanation.network.random_weights import randomised
from aam.learners.predictor import load_predictor
from benchmarks.explain.rankings import of_effects, rivals
from benchmarks.explain.recovery import score
from benchmarks.explain.store import Store
from benchmarks.explain.studies import SUBJECT, TARGET, Simulated, read_simulated, simulate_files
from benchmarks.store import MissingError

SAMPLES, EFFECT, EPOCHS = 300, 2.0, 4
OF_NETWORKS = ("abundance-gradients", "identity-gradients", "attention", "rollout")
TRAINED, RANDOM = "trained", "random weights"


@dataclass(frozen=True, kw_only=True)
class OfNetwork:
    """What one method finds in one network.

    Attributes
    ----------
    seed, weights, method, level
        Of the study; ``trained`` or ``random weights``; the method and the level.
    r2
        Of the network's predictions of the samples that are explained.
    precision, auroc, chance
        As in :class:`~benchmarks.explain.recovery.Score`.
    incomplete
        Of integrated gradients: the largest difference of the sum of a sample's attributions from what they must sum
        to, by the standard deviation of the predictions.
    """

    seed: int
    weights: str
    method: str
    level: str
    r2: float
    precision: float
    auroc: float
    chance: float
    incomplete: float | None = None


def networks(store: Store, seeds: Sequence[int]) -> list[OfNetwork]:
    """What is found in the networks of all studies that are there."""
    found = []
    for seed in seeds:
        try:
            rows = store.get(f"networks/{seed}", lambda s=seed: [asdict(one) for one in network_scores(s)])
        except MissingError:
            continue
        found += [OfNetwork(**row) for row in rows]
    return found


def network_scores(seed: int, epochs: int = EPOCHS) -> Iterator[OfNetwork]:
    """Train a network on one study, and judge the methods on it and on one that learned nothing."""
    with tempfile.TemporaryDirectory() as folder:
        data, trained = trained_network(Path(folder), seed, epochs)
    groups = data.groups()
    share_of = {level.level: dict(zip(level.names, data.truth.of(level), strict=True)) for level in groups}
    for level in groups:
        for ranking in rivals(data, level):
            found = score(ranking, data.truth.of(level), samples=SAMPLES, effect=EFFECT, seed=seed, level=level.level)
            yield OfNetwork(
                seed=seed,
                weights="",
                method=ranking.name,
                level=level.level,
                r2=float("nan"),
                precision=found.precision,
                auroc=found.auroc,
                chance=found.chance,
            )
    for weights, model in ((TRAINED, trained), (RANDOM, randomised(trained, seed))):
        subject = data.subject(model, groups)
        predicted = model.predict(data.study, data.explained)[MODEL][:, 0]
        r2 = float(r2_score(data.target_N[data.explained], predicted))
        for name in (*(("removal",) if weights == TRAINED else ()), *OF_NETWORKS):
            method = METHODS[name]
            looks_into = isinstance(method, Gradients) and weights == TRAINED
            missing = incompleteness(method, subject) if looks_into else None
            for one in method.explain(subject):
                share_G = np.array([share_of[one.level][group] for group in one.names])
                found = score(of_effects(one), share_G, samples=SAMPLES, effect=EFFECT, seed=seed, level=one.level)
                yield OfNetwork(
                    seed=seed,
                    weights=weights,
                    method=name,
                    level=one.level,
                    r2=r2,
                    precision=found.precision,
                    auroc=found.auroc,
                    chance=found.chance,
                    incomplete=missing,
                )


def trained_network(folder: Path, seed: int, epochs: int) -> tuple[Simulated, ExplainedModel]:
    """A simulated study, and a network that was trained on its training samples."""
    made = simulate_files(folder / "study", SAMPLES, EFFECT, seed)
    data = read_simulated(made, SAMPLES, seed)
    parts = {"train_samples": data.training[: -SAMPLES // 5], "val_samples": data.training[-SAMPLES // 5 :]}
    lists = {}
    for name, rows in {**parts, "test_samples": data.explained}.items():
        lists[name] = folder / f"{name}.txt"
        lists[name].write_text("\n".join(data.study.sample_ids[rows].astype(str)) + "\n", encoding="utf-8")
    aam.train(
        table=made.table,
        metadata=made.metadata,
        metadata_column=TARGET,
        group_column=SUBJECT,
        **lists,
        learners="network",
        forest_baseline=False,
        epochs=epochs,
        seed=seed,
        device="cpu",
        report=False,
        progress=False,
        output_dir=folder / "run",
    )
    predictor = load_predictor(folder / "run")
    read = predictor.read(TableOptions(table=(made.table,)))
    read = read.take(np.argsort(read.sample_ids.astype(str), kind="stable"))
    study = dataclasses.replace(data.study, rarefy_depth=read.rarefy_depth)
    return dataclasses.replace(data, study=study), ExplainedModel(predictor=predictor)


def incompleteness(method: Method, subject: Subject) -> float:
    """How far sums of attributions are at most from the difference of the predictions at both ends of the way."""
    assert isinstance(method, Gradients)
    _, readers = readers_of(subject)
    apart, said = [], []
    for reader in readers:
        way_of = method.ways(reader, subject)
        for _, batch in reader.batches(0):
            attribution_OT, _, point_2BO = walk(reader, batch, way_of(batch))
            sizes = batch.mask_BS.sum(dim=1).tolist()
            sums = np.array([part.sum() for part in np.split(attribution_OT[0].cpu().numpy(), np.cumsum(sizes)[:-1])])
            apart.append(np.abs(sums - (point_2BO[1] - point_2BO[0])[:, 0]))
            said.append(point_2BO[1][:, 0])
    return float(np.concatenate(apart).max() / np.concatenate(said).std())
