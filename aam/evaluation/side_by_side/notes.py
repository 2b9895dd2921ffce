"""What has to be known of several sources before their figures are compared: parts, leaks, options that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from aam.evaluation.side_by_side.same_samples import Aligned
from aam.evaluation.side_by_side.sources import OF_FOLDS, OUT_OF_FOLD, TABLE, Source
from aam.text import plural

FEW_UNITS = 10
UNIMPORTANT = ("command", "output_dir", "overwrite", "resume_from", "report", "progress", "verbose", "cache")
"""Options that change no prediction."""


def part_words(source: Source) -> str:
    """What the predictions of a source are."""
    if source.part == OF_FOLDS:
        times = f", {source.num_repeats} repeats" if source.num_repeats > 1 else ""
        return f"held-out samples of a cross-validation ({len(source.fitted) or 'several'} models{times})"
    return {
        "test": "test samples",
        "validation": "validation samples, which also chose the model",
        OUT_OF_FOLD: "training samples, each predicted by members fitted without it",
        TABLE: "samples of a table, which does not say what its model learned from",
    }.get(source.part, f"samples of the part {source.part}")


def notes(sources: Sequence[Source], aligned: Sequence[Aligned]) -> list[str]:
    """What limits the comparison, a sentence each; the most serious first."""
    first = aligned[0]
    found = [
        *_leaks(sources, first),
        *_unknown(sources),
        *_parts(sources),
        *_left_out(sources, first),
        *(line for one in aligned for line in _few(one)),
    ]
    return list(dict.fromkeys(found))


def _leaks(sources: Sequence[Source], aligned: Aligned) -> Iterator[str]:
    """Compared samples, or samples of their groups, that a model learned from before it predicted them."""
    compared = set(map(str, aligned.sample_ids))
    group_of: dict[str, str] = {}
    for source in reversed(sources):
        group_of |= source.group_of
    for source in sources:
        own = _learned_from(source, compared)
        if own:
            yield (
                f"LEAK: {source.name} learned from {plural(own, 'sample')} that it is compared on: "
                "its figures are too good."
            )
        shared = _with_known_groups(source, compared, group_of)
        if shared:
            yield (
                f"LEAK: models of {source.name} learned from other samples of the groups of {shared:,} of "
                f"{plural(len(compared), 'sample')} compared: its figures may be too good beside those of runs "
                "that hold groups out whole."
            )


def _learned_from(source: Source, compared: set[str]) -> int:
    return sum(len(one.learned & one.predicted & compared) for one in source.fitted)


def _with_known_groups(source: Source, compared: set[str], group_of: Mapping[str, str]) -> int:
    """How many compared samples were predicted by a model that knew their group."""
    if not group_of:
        return 0
    if source.part == OUT_OF_FOLD:
        return 0 if source.group_of else _in_shared_groups(source, compared, group_of)
    found: set[str] = set()
    for one in source.fitted:
        known = {group_of[i] for i in one.learned - one.predicted if i in group_of}
        found |= {i for i in one.predicted & compared if group_of.get(i) in known}
    return len(found)


def _in_shared_groups(source: Source, compared: set[str], group_of: Mapping[str, str]) -> int:
    """Compared samples with a companion among the training samples, where folds did not keep groups whole."""
    groups = [group_of[i] for i in source.learned | compared if i in group_of]
    names, counts = np.unique(groups, return_counts=True)
    shared = set(names[counts > 1].tolist())
    return sum(group_of.get(i) in shared for i in compared)


def _unknown(sources: Sequence[Source]) -> Iterator[str]:
    named = [source.name for source in sources if source.part == TABLE]
    if named:
        yield (
            f"{', '.join(named)}: tables do not say which samples their models learned from. If some of these are "
            "compared here, the figures are too good."
        )


def _parts(sources: Sequence[Source]) -> Iterator[str]:
    if len({source.part for source in sources}) > 1:
        said = "; ".join(f"{source.name}: {part_words(source)}" for source in sources)
        yield f"The predictions are of different parts, so of models with different training samples. {said}."
    sizes = {source.name: source.training_size for source in sources}
    known = {name: size for name, size in sizes.items() if size}
    if len(known) > 1 and max(known.values()) > 1.1 * min(known.values()):
        said = ", ".join(f"{name} from {size:,.0f}" for name, size in known.items())
        yield f"The models learned from different numbers of samples: {said}."


def _left_out(sources: Sequence[Source], aligned: Aligned) -> Iterator[str]:
    """Samples that one predicts and another learned from."""
    compared = set(map(str, aligned.sample_ids))
    for source in sources:
        if source.part not in ("test", "validation"):
            continue
        learned = frozenset().union(*(one.learned for one in source.fitted))
        for other in sources:
            if other is source or other.part in (OF_FOLDS, OUT_OF_FOLD):
                continue
            theirs = {str(i) for repeats in other.targets.values() for i in repeats[0].sample_ids}
            number = len((theirs & learned) - compared)
            if number:
                are = "is a training sample" if number == 1 else "are training samples"
                yield f"{plural(number, 'sample')} that {other.name} predicts {are} of {source.name}, and left out."


def _few(aligned: Aligned) -> Iterator[str]:
    if aligned.num_units < FEW_UNITS:
        what = "group" if aligned.grouped_by else "sample"
        yield f"Intervals from {plural(aligned.num_units, what)} are too narrow: take them as a rough guide."


def option_differences(sources: Sequence[Source]) -> dict[str, list[str]]:
    """Option -> its value in each source, for those that differ and may change predictions; a table has none."""
    runs = [source for source in sources if source.config]
    names = list(dict.fromkeys(name for source in runs for name in source.config if name not in UNIMPORTANT))
    found = {}
    for name in names:
        values = [_shown(source.config.get(name)) for source in runs]
        if len(set(values)) > 1:
            found[name] = [_shown(source.config.get(name)) if source.config else "" for source in sources]
    paths = list(dict.fromkeys(path for source in runs for path in source.inputs))
    for path in paths:
        sums = {source.inputs[path] for source in runs if path in source.inputs}
        if len(sums) > 1:
            found[f"content of {path}"] = [source.inputs.get(path, "")[:12] for source in sources]
    return found


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
