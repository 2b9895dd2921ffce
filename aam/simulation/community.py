"""The community of a simulated study: niches that relatives share, and the counts of one sample."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from aam.config.commands.simulate import SimulateOptions
from aam.simulation.tree import SimulatedTree


class Stream(IntEnum):
    """What a stream of random numbers is for."""

    TREE = 1
    SEQUENCES = 2
    NICHES = 3
    COMMUNITY = 4
    SUBJECT = 5
    SAMPLE = 6
    PILOT = 7


def stream(seed: int, part: Stream, index: int = 0) -> np.random.Generator:
    """Make the generator of one part of the simulation.

    Its numbers depend on these three values alone, so neither the order in which samples are made nor the size of
    the blocks they are made in can change a study.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, int(part), index]))


LARGEST_CLADE = 100
CLADES_AT_LEAST = 12
EARLY_BURST = 3.0
NICHE_WIDTH = 0.2
NICHE_WIDTH_SD = 0.3
ABUNDANCE_SD = 1.5
WITHIN_SUBJECT_SD = 0.25
NORMALS = 1 << 20
GRADIENT_POINTS = 101
PILOT_SAMPLES = 100
PILOT_ROUNDS = 6
PILOT_STEP = 1.5
LARGEST_PRESENT_SHARE = 0.9


@dataclass(frozen=True)
class Niches:
    """The truth about each ASV.

    Attributes
    ----------
    clade
        int64 (A,): number of the clade an ASV belongs to, from the left of the tree.
    informative
        bool (A,): whether its abundance follows the gradient; the same within a clade.
    optimum, width
        float64 (A,): where on the gradient (0 to 1) an informative ASV does best, and the standard deviation of its
        bell-shaped response; NaN for the others.
    """

    clade: np.ndarray
    informative: np.ndarray
    optimum: np.ndarray
    width: np.ndarray


@dataclass(frozen=True)
class Sample:
    """One sample: its ASVs (ascending), their counts (none is 0), and its metadata."""

    asvs: np.ndarray
    counts: np.ndarray
    gradient_true: float
    gradient: float
    subject: int
    batch: int


def simulate_niches(tree: SimulatedTree, share: float, rng: np.random.Generator) -> Niches:
    """Choose whole clades until a share of the ASVs is informative, and let their optima evolve on the tree.

    The optimum is a trait in Brownian motion along the branches, at a rate that falls from root to tips ("early
    burst", Harmon et al. 2010, Evolution 64:2385). Its ranks among the informative ASVs are spread evenly over the
    gradient, so that relatives like similar places and every place has ASVs that like it.
    """
    num_tips = len(tree.tips)
    clade = _clades(tree, min(max(int(share * num_tips / CLADES_AT_LEAST), 1), LARGEST_CLADE))
    informative = _choose(clade, share * num_tips, rng)[clade]
    trait = np.zeros(len(tree.parent))
    distance = tree.root_distances()
    age = distance / distance[tree.tips].mean()
    for nodes in tree.levels:
        above = tree.parent[nodes]
        variance = tree.length[nodes] * np.exp(-EARLY_BURST * age[above])
        trait[nodes] = trait[above] + rng.normal(0.0, np.sqrt(variance))
    chosen = np.flatnonzero(informative)
    optimum, width = np.full(num_tips, np.nan), np.full(num_tips, np.nan)
    optimum[chosen[np.argsort(trait[tree.tips[chosen]])]] = (np.arange(len(chosen)) + 0.5) / len(chosen)
    width[chosen] = NICHE_WIDTH * rng.lognormal(0.0, NICHE_WIDTH_SD, len(chosen))
    return Niches(clade, informative, optimum, width)


class Community:
    """Draws samples of a study; a sample depends on the options and its number only.

    An ASV is present with probability ``1 - exp(-richness * w)`` and has the expected relative abundance ``w``, times
    the effects of its subject and batch, among those present. ``w`` is a log-normal base abundance times
    ``exp(effect * response)``, with a bell-shaped response to the gradient, scaled to leave the mean over the
    gradient unchanged. Counts are Dirichlet-multinomial.

    Time and memory of a sample grow with the ASVs it has, not with the ASVs of the study.
    """

    def __init__(self, options: SimulateOptions, niches: Niches) -> None:
        rng = stream(options.seed, Stream.COMMUNITY)
        num_asvs = len(niches.clade)
        self._options = options
        self._strength = np.where(niches.informative, options.effect, 0.0)
        self._optimum = np.where(niches.informative, niches.optimum, 0.5)
        self._width = np.where(niches.informative, niches.width, 1.0)
        self.base = rng.lognormal(0.0, ABUNDANCE_SD, num_asvs)
        self.base /= self.base.sum()
        self._highest = self.base / self._mean_response()
        self._cumulative = np.cumsum(self._highest)
        self._normals = rng.standard_normal(max(NORMALS, 2 * num_asvs))
        self._batch_windows = rng.integers(len(self._normals), size=options.batches)
        self._batch_effect = options.batch_effect if options.batches > 1 else 0.0
        self._richness = self._calibrate()

    def sample(self, index: int) -> Sample:
        """Draw the sample of a number."""
        options = self._options
        subject = index // options.subject_size
        of_subject = stream(options.seed, Stream.SUBJECT, subject)
        centre, window = of_subject.random(), int(of_subject.integers(len(self._normals)))
        rng = stream(options.seed, Stream.SAMPLE, index)
        true = _reflect(centre + WITHIN_SUBJECT_SD * rng.standard_normal())
        gradient = true + options.noise * rng.standard_normal()
        batch = int(rng.integers(options.batches))
        asvs, counts = self._draw(rng, true, window, batch)
        return Sample(asvs, counts, true, gradient, subject, batch)

    def _draw(
        self, rng: np.random.Generator, gradient: float, window: int, batch: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """ASVs and counts of one sample; ``window`` is where the effects of its subject begin."""
        present = self._present(rng, gradient)
        logs = np.log(self._highest[present]) + self._log_response(present, gradient)
        logs += self._options.subject_effect * self._window(window, present)
        logs += self._batch_effect * self._window(self._batch_windows[batch], present)
        share = _softmax(logs)
        if self._options.overdispersion > 0:
            share = _dirichlet(share, self._options.overdispersion, rng)
        counts = rng.multinomial(self._reads(rng), share)
        found = np.flatnonzero(counts)
        return present[found], counts[found]

    def _window(self, start: int, asvs: np.ndarray) -> np.ndarray:
        """Effects of one subject or batch: standard normals, one an ASV, found without making those of all ASVs."""
        return self._normals[(start + asvs) % len(self._normals)]

    def _present(self, rng: np.random.Generator, gradient: float) -> np.ndarray:
        """Points of a Poisson process over the ASVs, thinned by the response; an ASV with a point is present."""
        num_points = rng.poisson(self._richness * self._cumulative[-1])
        points = np.searchsorted(self._cumulative[:-1], rng.random(num_points) * self._cumulative[-1], side="right")
        kept = rng.standard_exponential(num_points) >= -self._log_response(points, gradient)
        present = np.unique(points[kept])
        return present if len(present) else np.array([np.argmax(self.base)])

    def _log_response(self, asvs: np.ndarray | slice, gradient: float) -> np.ndarray:
        """Log of the response, 0 at the optimum and ``-effect`` far from it; 0 for ASVs that are not informative."""
        distance = (gradient - self._optimum[asvs]) / self._width[asvs]
        return self._strength[asvs] * np.expm1(-0.5 * distance**2)

    def _mean_response(self) -> np.ndarray:
        points = np.linspace(0.0, 1.0, GRADIENT_POINTS)
        return sum(np.exp(self._log_response(slice(None), point)) for point in points) / len(points)

    def _reads(self, rng: np.random.Generator) -> int:
        spread = self._options.read_dispersion
        return max(1, round(rng.lognormal(np.log(self._options.reads) - 0.5 * spread**2, spread)))

    def _calibrate(self) -> float:
        """Find the richness at which samples have the ASVs asked for, after those whose count is 0 are lost."""
        target = min(self._options.richness, LARGEST_PRESENT_SHARE * len(self.base))
        aim = target
        for _ in range(PILOT_ROUNDS):
            self._richness = self._richness_for(aim)
            found = sum(self._pilot(index) for index in range(PILOT_SAMPLES)) / PILOT_SAMPLES
            aim = min(aim * (target / found) ** PILOT_STEP, LARGEST_PRESENT_SHARE * len(self.base))
        return self._richness_for(aim)

    def _pilot(self, index: int) -> int:
        rng = stream(self._options.seed, Stream.PILOT, index)
        window = int(rng.integers(len(self._normals)))
        return len(self._draw(rng, rng.random(), window, int(rng.integers(self._options.batches)))[0])

    def _richness_for(self, present: float) -> float:
        low, high = np.log(present), np.log(present / self.base.min())
        for _ in range(50):
            middle = 0.5 * (low + high)
            expected = -np.expm1(-np.exp(middle) * self.base).sum()
            low, high = (middle, high) if expected < present else (low, middle)
        return float(np.exp(high))


def _clades(tree: SimulatedTree, largest: int) -> np.ndarray:
    """Cut the tree into the largest clades that have no more tips than this; their number for each tip."""
    _, size = tree.tip_ranges()
    roots = np.flatnonzero((size[:-1] <= largest) & (size[tree.parent[:-1]] > largest))
    return np.repeat(np.arange(len(roots)), size[roots])


def _choose(clade: np.ndarray, wanted: float, rng: np.random.Generator) -> np.ndarray:
    """Clades, at random, that together have as many tips as wanted or slightly fewer; one at least."""
    size = np.bincount(clade)
    chosen = np.zeros(len(size), dtype=bool)
    total = 0
    for number in rng.permutation(len(size)):
        if total + size[number] <= wanted:
            chosen[number] = True
            total += size[number]
    if not total:
        chosen[np.argmin(size)] = True
    return chosen


def _reflect(position: float) -> float:
    """Fold the line onto 0 to 1, which keeps a uniform distribution uniform."""
    folded = position % 2.0
    return 2.0 - folded if folded > 1.0 else folded


def _softmax(logs: np.ndarray) -> np.ndarray:
    share = np.exp(logs - logs.max())
    return share / share.sum()


def _dirichlet(mean: np.ndarray, overdispersion: float, rng: np.random.Generator) -> np.ndarray:
    """Draw shares around a mean; gamma variables on a log scale, as small ones would underflow to 0 all together."""
    concentration = mean * (1.0 - overdispersion) / overdispersion
    logs = np.log(rng.standard_gamma(concentration + 1.0)) - rng.standard_exponential(len(mean)) / concentration
    return _softmax(logs)
