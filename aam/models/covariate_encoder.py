"""Covariates as vectors, and outputs that covariates scale.

Legend of shapes: ``B`` samples, ``C`` categorical columns, ``M`` two features for each numeric column, ``V`` vectors
of covariates (tokens), ``E`` their width, ``T`` outputs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.data.study.covariates import FEATURES_PER_NUMBER, CovariateSpec

UNKNOWN = 0
IS_MISSING = 1


class CovariateEncoder(nn.Module):
    """One vector for each stand-alone categorical column, each hierarchy, and each numeric column, in this order.

    The vector of a hierarchy is the sum of the vectors of its columns' levels. All but the coarsest column's start at
    zero: a level starts as its parent, and learns in what it differs. A level that is unknown adds nothing, so it
    stays its parent. The coarsest column's unknown level, and that of a column that stands alone, has a trained vector.

    Parameters
    ----------
    spec
        The columns and their levels.
    dim
        Width ``E`` of the vectors.

    Notes
    -----
    Vectors of levels and of standardised numbers start with a variance of 1, as the layers that read them expect it.
    Unknown levels start at zero, the mean of the others, and so does what a missing number adds.
    """

    def __init__(self, spec: CovariateSpec, dim: int) -> None:
        super().__init__()
        self.chains = tuple(tuple(map(spec.place, chain)) for chain in (*zip(spec.stand_alone), *spec.hierarchies))
        coarsest = {chain[-1] for chain in self.chains}
        self.levels = nn.ModuleList(
            _level_table(len(column.levels), dim, is_coarsest=place in coarsest)
            for place, column in enumerate(spec.categorical)
        )
        self.numbers = nn.ModuleList(nn.Linear(FEATURES_PER_NUMBER, dim) for _ in spec.numeric)
        with torch.no_grad():
            for parameter in self.numbers.parameters():
                (nn.init.normal_ if parameter.ndim == 2 else nn.init.zeros_)(parameter)
                if parameter.ndim == 2:
                    parameter[:, IS_MISSING] = 0.0

    @property
    def num_tokens(self) -> int:
        """Number ``V`` of vectors."""
        return len(self.chains) + len(self.numbers)

    def forward(self, category_BC: Tensor, number_BM: Tensor) -> Tensor:
        """The vectors ``BVE`` of levels and numbers as :meth:`CovariateSpec.encode` gives them."""
        own = [table(category_BC[:, place]) for place, table in enumerate(self.levels)]
        of_chains = [torch.stack([own[place] for place in chain]).sum(dim=0) for chain in self.chains]
        pairs = number_BM.split(FEATURES_PER_NUMBER, dim=1) if len(self.numbers) else ()
        of_numbers = [linear(pair_B2) for linear, pair_B2 in zip(self.numbers, pairs, strict=True)]
        return torch.stack([*of_chains, *of_numbers], dim=1)

    def beside(self, profile_BK: Tensor | None, category_BC: Tensor, number_BM: Tensor) -> Tensor:
        """The inputs of a linear path: what it reads of the sample, each level as 0 or 1, and the numbers.

        They are in the order of :func:`aam.data.study.covariates.features`; a level that is unknown is 0 everywhere.
        """
        ones = [
            F.one_hot(category_BC[:, place], table.num_embeddings)[:, UNKNOWN + 1 :].float()
            for place, table in enumerate(self.levels)
            if isinstance(table, nn.Embedding)
        ]
        parts = [*([] if profile_BK is None else [profile_BK.float()]), *ones, number_BM]
        return torch.cat(parts, dim=1)


def _level_table(num_levels: int, dim: int, is_coarsest: bool) -> nn.Embedding:
    """A vector for each level and the unknown one; what a finer level adds to its parent's starts at zero."""
    if not is_coarsest:
        table = nn.Embedding(num_levels + 1, dim, padding_idx=UNKNOWN)
        nn.init.zeros_(table.weight)
        return table
    table = nn.Embedding(num_levels + 1, dim)
    with torch.no_grad():
        table.weight[UNKNOWN] = 0.0
    return table


class ConditionalScaling(nn.Module):
    """Outputs that each level of some columns scales and shifts: ``y * prod(scale[level]) + sum(bias[level])``.

    All scales start at 1 and all biases at 0, those of unknown levels too, which are trained like the others. Scales
    are kept as their difference to 1, so that weight decay pulls them there.

    Parameters
    ----------
    spec
        The columns and their levels.
    columns
        The categorical columns that scale.
    num_outputs
        Number ``T`` of outputs.
    """

    def __init__(self, spec: CovariateSpec, columns: tuple[str, ...], num_outputs: int) -> None:
        super().__init__()
        self.places = tuple(map(spec.place, columns))
        sizes = [(len(spec.categorical[place].levels) + 1, num_outputs) for place in self.places]
        self.scale_less_1 = nn.ParameterList(torch.zeros(size) for size in sizes)
        self.bias = nn.ParameterList(torch.zeros(size) for size in sizes)

    def forward(self, output_BT: Tensor, category_BC: Tensor) -> Tensor:
        """The outputs ``BT``, scaled and shifted."""
        shift_BT = torch.zeros_like(output_BT)
        for place, scale, bias in zip(self.places, self.scale_less_1, self.bias, strict=True):
            output_BT = output_BT * (1 + F.embedding(category_BC[:, place], scale))
            shift_BT = shift_BT + F.embedding(category_BC[:, place], bias)
        return output_BT + shift_BT
