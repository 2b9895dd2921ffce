"""The tables of an explanation: effects, feature metadata of ASVs, groups and their members, effects in samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from aam.explanation.effects import Effects
from aam.explanation.groups import ASV, AsvGroups
from aam.explanation.model import MODEL
from aam.explanation.results.association import Association
from aam.explanation.results.need import is_needed, need_of
from aam.explanation.results.relatives import Relatives, relatives_of
from aam.files.columns import Columns

FEATURE_ID = "feature-id"
TOP = 50
"""Things of each level whose effects in single samples are listed, where not all are asked for."""


def effects_table(
    effects: Sequence[Effects], groups: Sequence[AsvGroups], associations: Sequence[Association]
) -> Columns:
    """A row for each thing that a sample has, and output, the most important first: what every method found."""
    rows: dict[str, list[np.ndarray]] = {}
    known = {one.level: one for one in groups}
    shares = {one.level: one for one in associations}
    for found in effects:
        relatives = relatives_of(found, effects, groups)
        for output, name in enumerate(found.outputs):
            block = _effect_rows(found, output, name, known.get(found.level), shares.get(found.level))
            block |= _relatives_rows(found, output, relatives) | _need_rows(found, output, effects)
            for column, values in block.items():
                rows.setdefault(column, []).append(values)
    return Columns({column: np.concatenate(pieces) for column, pieces in rows.items()})


def _effect_rows(
    found: Effects, output: int, name: str, groups: AsvGroups | None, association: Association | None
) -> dict[str, np.ndarray]:
    order = _order(found, output)
    words = {"method": found.method, "learner": found.learner, "level": found.level}
    taxon_of = {} if groups is None else dict(zip(groups.names, groups.taxa, strict=True))
    stable_GO = found.is_stable_GO
    clear = found.is_clear_GO[order, output]
    return {
        **{column: _same(word, len(order)) for column, word in words.items()},
        "id": _texts(found.names[g] for g in order),
        "label": _texts(found.labels[g] for g in order),
        "taxon": _texts(taxon_of.get(found.names[g], "") for g in order),
        "output": _same(name, len(order)),
        "unit": _same(found.unit_of(output), len(order)),
        "effect": found.effect_GO[order, output],
        "low": found.low_GO[order, output],
        "high": found.high_GO[order, output],
        "importance": found.importance_GO[order, output],
        "rank": np.arange(1, len(order) + 1),
        "support": found.support_G[order].astype(np.int64),
        **_of_association(found, order, output, groups, association),
        "agreement": _or_nan(found.agreement_GO, order, output),
        "clear": _yes(clear),
        "stable": _same("", len(order)) if stable_GO is None else _yes(stable_GO[order, output]),
    }


def _order(found: Effects, output: int) -> np.ndarray:
    """The things that a sample has, the most important first."""
    order = np.argsort(-found.importance_GO[:, output], kind="stable")
    return np.asarray(order[found.support_G[order] > 0])


def _relatives_rows(found: Effects, output: int, relatives: Relatives | None) -> dict[str, np.ndarray]:
    """For ASVs the smallest measured clade, and its effect."""
    order = _order(found, output)
    if relatives is None:
        return {"clade": _same("", len(order)), "clade_effect": np.full(len(order), np.nan)}
    names = _texts(relatives.clade[g] for g in order)
    return {"clade": names, "clade_effect": relatives.effect_GO[order, output]}


def _need_rows(found: Effects, output: int, effects: Sequence[Effects]) -> dict[str, np.ndarray]:
    """Whether the error grows where each thing is exchanged; empty where that was not measured."""
    need = need_of(effects, found.level, found.outputs[output], found.learner)
    names = (found.names[g] for g in _order(found, output))
    return {"needed": _texts("" if name not in need else "yes" if is_needed(need[name]) else "no" for name in names)}


def _of_association(
    found: Effects, order: np.ndarray, output: int, groups: AsvGroups | None, association: Association | None
) -> dict[str, np.ndarray]:
    """Prevalence and correlations of the groups, in the order of the effects; NaN for things that are no groups."""
    empty = np.full(len(order), np.nan)
    if groups is None or association is None or len(found.outputs) != association.correlation_GO.shape[1]:
        return {"prevalence": empty, "correlation": empty, "truth_correlation": empty}
    place_of = {name: place for place, name in enumerate(groups.names)}
    places = np.array([place_of.get(found.names[g], -1) for g in order], dtype=np.int64)
    there = places >= 0
    truth_GO = association.truth_correlation_GO
    values = {
        "prevalence": association.prevalence_G,
        "correlation": association.correlation_GO[:, output],
        "truth_correlation": np.full(len(groups), np.nan) if truth_GO is None else truth_GO[:, output],
    }
    return {name: np.where(there, of_group[places], np.nan) for name, of_group in values.items()}


def groups_table(groups: Sequence[AsvGroups], associations: Sequence[Association], outputs: Sequence[str]) -> Columns:
    """A row for each group that was asked for: what it is, how common it is, and what its share goes with."""
    endings = [""] if len(outputs) == 1 else [f"_{name}" for name in outputs]
    blocks = []
    for one, found in zip(groups, associations, strict=True):
        block: dict[str, np.ndarray] = {
            "level": _same(one.level, len(one)),
            "id": _texts(one.names),
            "label": _texts(one.labels),
            "taxon": _texts(one.taxa),
            "asvs": one.size_G.astype(np.int64),
            "prevalence": found.prevalence_G,
            "mean_share": found.share_G,
        }
        for output, ending in enumerate(endings):
            block[f"correlation{ending}"] = found.correlation_GO[:, output]
            if found.truth_correlation_GO is not None:
                block[f"truth_correlation{ending}"] = found.truth_correlation_GO[:, output]
        blocks.append(block)
    names = list(blocks[0]) if blocks else []
    return Columns({name: np.concatenate([block[name] for block in blocks]) for name in names})


def members_table(groups: Sequence[AsvGroups], asv_names: Sequence[str]) -> Columns:
    """A row for each ASV of each group; without the level of the ASVs themselves."""
    ids = _texts(asv_names)
    several = [one for one in groups if one.level != ASV]
    return Columns(
        {
            "level": np.concatenate([_same("", 0), *(_same(one.level, one.members.nnz) for one in several)]),
            "id": np.concatenate([_texts(()), *(np.repeat(_texts(one.names), one.size_G) for one in several)]),
            FEATURE_ID: np.concatenate([_texts(()), *(ids[one.members.indices] for one in several)]),
        }
    )


def asvs_table(all_asvs: AsvGroups, association: Association, effects: Sequence[Effects]) -> Columns:
    """A row for each ASV, as QIIME 2 reads feature metadata: the whole model's effects by each method that has some.

    Parameters
    ----------
    all_asvs
        All ASVs of the study.
    association
        Theirs.
    effects
        All effects; those of other levels and of single learners are passed over.
    """
    table = Columns(
        {
            FEATURE_ID: _texts(all_asvs.names),
            "label": _texts(all_asvs.labels),
            "taxon": _texts(all_asvs.taxa),
            "prevalence": association.prevalence_G,
            "mean_share": association.share_G,
        }
    )
    place_of = {name: place for place, name in enumerate(all_asvs.names)}
    for found in effects:
        if found.level != ASV or found.learner != MODEL:
            continue
        places = np.array([place_of[name] for name in found.names], dtype=np.int64)
        for output, name in enumerate(found.outputs):
            ending = "" if len(found.outputs) == 1 else f"_{name}"
            for column, values in _columns_of(found, output).items():
                table[f"{found.method}_{column}{ending}"] = cells = np.full(len(all_asvs), np.nan)
                cells[places] = np.where(found.support_G > 0, values, np.nan)
    return table


def _columns_of(found: Effects, output: int) -> Mapping[str, np.ndarray]:
    return {
        "effect": found.effect_GO[:, output],
        "low": found.low_GO[:, output],
        "high": found.high_GO[:, output],
        "importance": found.importance_GO[:, output],
    }


def samples_tables(effects: Sequence[Effects], sample_ids: np.ndarray, top: int | None = TOP) -> Iterator[Columns]:
    """The effect of each thing in each sample that has it, level by level; of the most important things alone, or all.

    Parameters
    ----------
    effects
        All effects.
    sample_ids
        Ids of the samples.
    top
        How many things of each level; None for all.
    """
    for found in effects:
        chosen = found.rank_G[:top]
        by_sample_NGO, has_NG = found.by_sample_NGO[:, chosen], found.has_NG[:, chosen]
        for output, name in enumerate(found.outputs):
            place, sample = np.nonzero((has_NG & ~np.isnan(by_sample_NGO[:, :, output])).T)
            yield Columns(
                {
                    "sample-id": sample_ids[sample],
                    "method": _same(found.method, len(sample)),
                    "learner": _same(found.learner, len(sample)),
                    "level": _same(found.level, len(sample)),
                    "id": _texts(found.names[g] for g in chosen)[place],
                    "label": _texts(found.labels[g] for g in chosen)[place],
                    "output": _same(name, len(sample)),
                    "effect": by_sample_NGO[sample, place, output].astype(np.float64),
                }
            )


def _texts(values: object) -> np.ndarray:
    words = list(values)  # type: ignore[call-overload]
    found = np.empty(len(words), dtype=object)
    found[:] = words
    return found


def _same(word: str, number: int) -> np.ndarray:
    return np.full(number, word, dtype=object)


def _yes(is_so: np.ndarray) -> np.ndarray:
    return np.where(is_so, "yes", "no").astype(object)


def _or_nan(values_GO: np.ndarray | None, order: np.ndarray, output: int) -> np.ndarray:
    return np.full(len(order), np.nan) if values_GO is None else values_GO[order, output]
