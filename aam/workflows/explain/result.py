"""An explanation as it is given to Python: tables, a summary in sentences, and figures."""

from __future__ import annotations

from functools import cached_property

from matplotlib.figure import Figure

from aam.explanation.results.explanation import Explanation
from aam.report.explanation.data import view_of
from aam.report.explanation.page import explanation_page
from aam.report.figure_files import figures_on_white
from aam.report.html import Page


class ExplanationResult(Explanation):
    """What predictions rest on, with what the page of ``aam explain`` says and draws."""

    @property
    def summary(self) -> list[str]:
        """How well the samples are predicted, what rises and falls, and how sure that is, in sentences.

        Nothing is claimed where the interval of an effect holds 0.
        """
        return [self._page.headline, *self._page.verdicts]

    @property
    def figures(self) -> dict[str, Figure]:
        """Name of each figure, as of the files of ``aam explain`` -> the figure, on white."""
        return figures_on_white(self._page)

    @cached_property
    def _page(self) -> Page:
        return explanation_page(view_of(self, ""))
