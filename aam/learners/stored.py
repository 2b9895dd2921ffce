"""Arrays and facts of which a learner is made again, and what is kept of a study, or of its ASVs, between blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from aam.config.json_dataclass import need
from aam.text import shorten

if TYPE_CHECKING:
    from aam.data.study.study import Study

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Stored:
    """A learner as it lies in a model folder.

    Attributes
    ----------
    arrays
        Arrays by name.
    facts
        Whatever else it needs, in JSON types.
    """

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]

    def array(self, name: str, dtype: Any, shape: tuple[int | None, ...]) -> np.ndarray:
        """An array of this type and shape; None stands for any length.

        Raises
        ------
        ValueError
            If it is lacking, or is another.
        """
        need(name in self.arrays, f"'{shorten(name)}' is lacking")
        found = self.arrays[name]
        fits = len(found.shape) == len(shape) and all(
            size in (None, given) for size, given in zip(shape, found.shape, strict=True)
        )
        need(found.dtype == np.dtype(dtype) and fits, f"'{name}' cannot be {found.dtype} {list(found.shape)}")
        return found

    def part(self, prefix: str) -> Stored:
        """The arrays whose names begin with a prefix, under the rest of their names; the facts stay."""
        arrays = {n.removeprefix(prefix): array for n, array in self.arrays.items() if n.startswith(prefix)}
        return Stored(arrays, self.facts)


class PerStudyCache(Generic[ResultT]):
    """Keeps what is made of a whole study while its rows are asked for block by block.

    Parameters
    ----------
    make
        Makes it.
    """

    def __init__(self, make: Callable[[Study], ResultT]) -> None:
        self._make = make
        self._last: tuple[Study, ResultT] | None = None

    def __call__(self, study: Study) -> ResultT:
        """What belongs to a study; made anew where another was asked for last."""
        if self._last is None or self._last[0] is not study:
            self._last = study, self._make(study)
        return self._last[1]


class PerAsvsCache(Generic[ResultT]):
    """Keeps what is made of a study's ASVs alone, while studies of other samples with the same ASVs are read.

    Parameters
    ----------
    make
        Makes it of the ASVs' bases.
    """

    def __init__(self, make: Callable[[np.ndarray], ResultT]) -> None:
        self._make = make
        self._last: tuple[np.ndarray, ResultT] | None = None

    def __call__(self, study: Study) -> ResultT:
        """What belongs to the ASVs of a study; made anew where those of another were asked for last."""
        if self._last is None or self._last[0] is not study.tokens:
            self._last = study.tokens, self._make(study.tokens)
        return self._last[1]
