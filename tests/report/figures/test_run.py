from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from aam.data.targets.kinds import CLASSES, NUMBERS, Predictions
from aam.evaluation.catalogue import Interval, value_of
from aam.report.figures import results as figures_results
from aam.report.figures import run as figures
from aam.report.figures.classes import reliability_curves
from aam.report.style import VARIABLES, class_colours, stacked, to_svg


def titles(figure: Figure | None) -> list[str]:
    assert figure is not None
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]


def interval(value: float, width: float) -> Interval:
    return Interval(value, value - width, value + width)


@pytest.mark.parametrize(("guess", "limits"), [(12.0, (1.512, 4.488)), (4.5, (1.476, 4.824)), (-8.0, (1.512, 4.488))])
def test_a_constant_prediction_does_not_stretch_axes(guess: float, limits: tuple[float, float]) -> None:
    results = {"model": {"mae": interval(2.5, 0.7)}, "forest": {"mae": interval(3.5, 0.7)}}
    figure = figures.interval_chart({**results, "guess": {"mae": interval(guess, 0.0)}}, ["mae"])
    (axes,) = figure.axes
    assert axes.get_xlim() == pytest.approx(limits)
    arrows = [line.get_marker() for line in axes.lines if line.get_marker() in ("<", ">")]
    assert arrows == ([">"] if guess > 8 else ["<"] if guess < 0 else [])
    low, high = axes.get_xlim()
    assert all(low <= x <= high for line in axes.lines for x in line.get_xdata())
    assert value_of("mae", guess) in [text.get_text() for text in axes.texts]


def test_a_class_has_one_colour_in_all_figures() -> None:
    classes = tuple(f"site {i}" for i in range(12))
    names = np.array(classes, dtype=object)
    rng = np.random.default_rng(0)
    codes = np.concatenate([np.arange(12), rng.integers(4, 12, 300)])
    shares = rng.dirichlet(np.ones(12), len(codes))
    table = Predictions(
        kind=CLASSES,
        sample_ids=np.arange(len(codes)).astype(str).astype(object),
        observed=names[codes],
        predicted=names[shares.argmax(axis=1)],
        classes=classes,
        probabilities=shares,
    )
    colours = class_colours(classes)
    assert len(set(colours.values())) == 12
    shown = {"model": table}
    ordination = figures.ordination(shares, table.observed, np.full(len(codes), "train"), "site", classes)
    drawn = [figures_results.roc_curves(shown), reliability_curves(shown), ordination]
    for figure in drawn:
        legend = figure.axes[0].get_legend()
        assert legend is not None
        lines = dict(zip((text.get_text() for text in legend.get_texts()), legend.legend_handles, strict=True))
        found = {name: to_hex(line.get_color()) for name, line in lines.items() if name.startswith("site")}  # type: ignore[union-attr]
        assert len(found) == 8
        assert all(colour == colours[name.split(" (area")[0]] for name, colour in found.items())
    strips = [to_hex(line.get_color()) for line in figures_results.confusion_matrices(shown).axes[0].lines]
    assert strips[::2] == strips[1::2] == list(colours.values())


def test_panels_are_stacked_for_narrow_screens() -> None:
    with stacked():
        figure = figures.histograms([5, 10], [1, 2], 2, None)
    assert figure.axes[0].get_position().y0 > figure.axes[1].get_position().y1
    assert figure.get_figwidth() < 5
    assert figures.histograms([5, 10], [1, 2], 2, None).get_figwidth() > 9


def test_learning_curves_name_their_losses() -> None:
    epochs = np.arange(5.0)
    history = {"epoch": epochs, "lr": epochs, "val_mae": 5 - epochs, "val_r2": np.full(5, np.nan)}
    history |= {
        f"{part}_{name}": 5 - epochs for part in ("train", "val") for name in ("loss", "target_loss", "nucleotide_loss")
    }
    figure = figures.learning_curves(history, "mae", 3)
    assert titles(figure) == [
        "Mean absolute error (MAE)",
        "Total loss",
        "Target loss",
        "Nucleotide loss",
    ]
    assert figure is not None
    lines = [[str(line.get_label()) for line in axes.lines] for axes in figure.axes[:3]]
    assert lines == [["validation", "best epoch"], ["training", "best epoch"], ["training", "validation", "best epoch"]]


def test_a_single_loss_is_drawn_once() -> None:
    epochs = np.arange(3.0)
    names = ("train_loss", "val_loss", "train_target_loss", "val_target_loss")
    figure = figures.learning_curves({"epoch": epochs, **dict.fromkeys(names, epochs)}, "val_loss", None)
    assert titles(figure) == ["Target loss"]
    assert not figures.has_curves({"epoch": epochs}, "mae")


def test_principal_components_are_those_of_scikit_learn() -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 5)) * [5, 3, 1, 1, 1]
    points, shares = figures.principal_components(vectors)
    oracle = PCA(2).fit(vectors)
    assert shares == pytest.approx(oracle.explained_variance_ratio_)
    assert np.abs(points) == pytest.approx(np.abs(oracle.transform(vectors)))


@pytest.mark.parametrize("vectors", [np.ones((4, 3)), np.arange(4.0)[:, None]])
def test_samples_that_are_all_alike_have_a_map_too(vectors: np.ndarray) -> None:
    values = np.array([1.0, np.nan, 2.0, 2.0])
    to_svg(figures.ordination(vectors, values, np.array(["train", "test", "train", ""], dtype=object), "age"))


def test_axes_hold_all_observed_and_no_wild_predictions() -> None:
    observed = np.array([0.0, 5.0, 10.0])
    predictions = Predictions(kind=NUMBERS, sample_ids=observed, observed=observed, predicted=np.array([1.0, 4.0, 1e6]))
    low, high = figures_results.frame({"model": predictions})
    assert low < 0
    assert 10 < high < 20


def test_running_median_follows_the_errors() -> None:
    x = np.linspace(0, 1, 80)
    centres, medians = figures_results.running_median(x, 2 * x)
    assert len(centres) == 10
    assert medians == pytest.approx(2 * centres)


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(mpl.rcParams)
    svg = to_svg(figures.histograms([5, 10, 1000], [1, 1, 1], 3, 7))
    assert dict(mpl.rcParams) == before
    assert svg.startswith('<svg class="wide" viewBox="')
    assert not [colour for colour in VARIABLES if f": {colour}" in svg]
    assert "rarefied to 7" in svg


def test_histograms_count_all_samples_that_quantiles_stand_for() -> None:
    figure = figures.histograms([5, 10, 10, 1000], [1, 1, 1, 1], 400, None)
    heights = [sum(bar.get_height() for bar in axes.patches) for axes in figure.axes]
    assert heights == pytest.approx([400, 400])


def test_bars_of_whole_numbers_are_equally_full() -> None:
    figure = figures.histograms([5, 6], list(range(22, 37)), 15, None)
    assert [bar.get_height() for bar in figure.axes[1].patches] == [1] * 15
    figure = figures.histograms([5, 6], list(range(100, 220)), 120, None)
    assert [bar.get_height() for bar in figure.axes[1].patches] == [4] * 30


def test_drawings_are_the_same_each_time() -> None:
    first, second = (to_svg(figures.histograms([5, 10, 1000], [1, 2, 3], 3, None)) for _ in range(2))
    assert first == second
