"""What the microbiome, the metadata, and both can tell: learners fitted with each, judged on held-out groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aam.evaluation.catalogue import METRICS, Interval, difference_interval_of, difference_of, value_of
from aam.evaluation.columns import Columns
from aam.explain.effects import BOTH, METADATA, MICROBIOME
from aam.text import listed, plural

PAIRS = ((BOTH, METADATA), (BOTH, MICROBIOME), (MICROBIOME, METADATA))
"""Which parts are compared: what the microbiome adds, what the metadata add, and which of them tells more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RefittedParts:
    """Metrics of out-of-fold predictions from each part.

    Attributes
    ----------
    samples, groups, folds
        How many there were; groups are samples where each stands for itself.
    learners
        The learners of the microbiome, and of both.
    left_out
        Learners of the model that were not fitted, and why.
    main_metric
        By which results are summed up.
    metrics
        Target -> part -> metric -> its value with the interval over groups.
    differences
        Target -> pair of :data:`PAIRS` -> metric -> how much larger it is for the first of the pair, with the interval
        over groups that both are judged on.
    """

    samples: int
    groups: int
    folds: int
    learners: tuple[str, ...]
    left_out: tuple[str, ...]
    main_metric: str
    metrics: Mapping[str, Mapping[str, Mapping[str, Interval]]]
    differences: Mapping[str, Mapping[tuple[str, str], Mapping[str, Interval]]]

    def table(self) -> Columns:
        """A row for each target, part (or pair, as ``both - metadata``) and metric."""
        rows = [
            (target, part, name, one.value, one.low, one.high, self.samples, self.groups)
            for target, parts in self.metrics.items()
            for part, found in parts.items()
            for name, one in found.items()
        ]
        rows += [
            (target, " - ".join(pair), name, one.value, one.low, one.high, self.samples, self.groups)
            for target, pairs in self.differences.items()
            for pair, found in pairs.items()
            for name, one in found.items()
        ]
        return Columns.of_rows(("target", "part", "metric", "value", "low", "high", "samples", "groups"), rows)

    def lines(self) -> Iterator[str]:
        """The result in words, by the main metric."""
        main = self.main_metric
        name = METRICS[main].name[:1].lower() + METRICS[main].name[1:]
        yield (
            f"fitted anew on {plural(self.samples, 'sample')} in {plural(self.folds, 'fold')} of whole groups; "
            f"{name} of held-out samples:"
        )
        for target, parts in self.metrics.items():
            said = [f"{part} {value_of(main, found[main].value)}" for part, found in parts.items()]
            yield f"  {target}: {listed(said)}"
            for pair, what in zip(PAIRS, ("the microbiome adds to the metadata", "the metadata add"), strict=False):
                one = self.differences[target][pair][main]
                ends = difference_interval_of(main, one)
                yield f"    {what}: {difference_of(main, one.value)} ({ends}); {_judged(main, one)}"
        if self.left_out:
            yield f"  not fitted: {'; '.join(self.left_out)}"


def _judged(name: str, difference: Interval) -> str:
    """Whether what is added makes predictions better."""
    low, high = difference.low, difference.high
    if not METRICS[name].higher_is_better:
        low, high = -high, -low
    return "clearly better" if low > 0 else "clearly worse" if high < 0 else "no clear difference"
