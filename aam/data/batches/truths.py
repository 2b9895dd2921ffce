"""What an encoder learns without labels, computed from the samples of a batch as they were drawn.

Arrays only and no torch, so that worker processes can have it, and objectives can be looked up quickly.
Legend of shapes: ``B`` samples of a batch, ``A`` ASVs of the study, ``U`` distinct ASVs of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_array

TruthOf = Literal["pairs", "samples", "asvs"]
"""What a truth is a property of."""


class DrawnSamples(NamedTuple):
    """The samples of a batch as drawn for one epoch.

    Attributes
    ----------
    rows_B
        Their rows in the study.
    counts_BA
        Their reads over all ASVs of the study, before the token limit cuts them.
    asvs_U
        Columns of the distinct ASVs that the model sees.
    own
        The samples whose pairs with all are wanted, where several processes share the batch; None for all.
    """

    rows_B: np.ndarray
    counts_BA: csr_array
    asvs_U: np.ndarray
    own: slice | None = None


TruthFormula = Callable[[DrawnSamples], "np.ndarray"]
"""Computes numbers ``B x B`` of pairs of samples (where several processes share a batch, the rows of the own samples),
numbers ``B`` of samples, or classes ``U`` of ASVs (int64, -1 where unknown). Workers must be able to have it: it is a
function of a module, or an object of a module's class."""


class Truth(NamedTuple):
    """A truth that batches shall have.

    Attributes
    ----------
    name
        The head that is compared with it.
    of
        What it is a property of.
    formula
        Computes it.
    """

    name: str
    of: TruthOf
    formula: TruthFormula
