"""A network on a frozen ASV encoder, made of the product's modules and trained at the level of samples.

The vectors of ASVs come from the shipped encoder and stay as they are. Its sample encoder is the start: soft clades are
centred anew on the training samples' ASVs, and a layer that reads each ASV alone stands for its attention. The head and
its linear path start as in the product: at a ridge (or logistic) regression on the soft clades.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from aam.config import CovariateOptions, HeadOptions, LossOptions
from aam.data.batches.batch import Batch
from aam.data.batches.ragged import Ragged
from aam.data.targets.targets import Targets
from aam.models.attention import TransformerStack, initialise_linear
from aam.models.heads import Comparison, Encoded, HeadInput
from aam.models.pooling import SoftClades
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import PredictorPlan, SequencePredictor
from aam.training.calibration.calibrate import CORRECTION, calibrate_encoder, calibrate_target, refit_clades
from aam.training.calibration.linear_fit import fit_linear
from benchmarks.network.examples import Changed, Examples, batch_of, changed
from benchmarks.network.recipes import Recipe

BATCH = 32
PREDICTED_AT_ONCE = 128
DRAWS_AT_PREDICTION = 8
DECAY = 0.05
LARGEST_GRADIENT = 1.0
WARM = 0.1
"""Share of the steps in which the rate rises."""


class EachAsv(nn.Module):
    """A layer that reads each ASV alone, in place of attention between the ASVs of a sample."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, 2 * dim)
        self.outer = nn.Linear(2 * dim, dim)
        for layer in (self.inner, self.outer):
            initialise_linear(layer)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x_TD: Tensor, layout: Ragged) -> Tensor:
        """Same shape out."""
        found: Tensor = self.norm(x_TD + self.dropout(self.outer(nn.functional.gelu(self.inner(x_TD)))))
        return found


class ReadingComponents(SequencePredictor):
    """A predictor whose head reads components of clades beside the sample's vector, in place of soft clades."""

    def __init__(self, base: SequenceEncoder, plan: PredictorPlan) -> None:
        super().__init__(base, plan)
        self.project = nn.Linear(base.options.num_soft_clades, base.options.embedding_dim)
        self.norm = nn.LayerNorm(base.options.embedding_dim)
        initialise_linear(self.project)

    def read(self, encoded: Encoded, batch: Batch) -> HeadInput:
        """The vector of both, and the components for the linear path."""
        assert batch.profile_BK is not None
        return HeadInput(self.norm(encoded.sample.sample_BD + self.project(batch.profile_BK)), batch.profile_BK)


class Network:
    """A network to be trained.

    Parameters
    ----------
    encoder
        The shipped encoder.
    targets
        What is predicted.
    recipe
        How it is built and trained.
    """

    def __init__(self, encoder: SequenceEncoder, targets: Targets, recipe: Recipe, seed: int) -> None:
        torch.manual_seed(seed)
        self.recipe = recipe
        self.rng = np.random.default_rng(seed)
        own = copy.deepcopy(encoder)
        if not recipe.attention:
            dim, dropout = own.options.embedding_dim, own.options.dropout
            own.sample_encoder.sample_transformer = EachAsv(dim, dropout)  # type: ignore[assignment]
            own.sample_encoder.encoder_transformer = TransformerStack(dim, 4, 0, dropout)
        head = HeadOptions(regressor_hidden_dims=recipe.hidden or "none", linear_path=recipe.path)
        plan = PredictorPlan(targets=targets, head=head, loss=LossOptions(), covariates=CovariateOptions())
        self.model = ReadingComponents(own, plan) if recipe.components else SequencePredictor(own, plan)
        self.also: nn.Linear | None = None

    def fit(self, examples: Examples, groups: np.ndarray | None, before: Examples | None = None) -> Network:
        """Learn from samples; first from others, where they are given."""
        if self.recipe.auxiliary is not None and examples.also is not None:
            self.also = nn.Linear(self.model.base.options.embedding_dim, examples.also.shape[1])
        if before is not None:
            calibrate_target(self.model, before.vectors, _batches(before), None)
            self._train(before, self.recipe.epochs, self.recipe.rate)
            self._train(examples, self.recipe.epochs // 2, self.recipe.rate / 3)
            return self
        if self.recipe.components:
            self._start_at_components(examples, groups)
        else:
            calibrate_target(self.model, examples.vectors, _batches(examples), groups)
        self._train(examples, self.recipe.epochs, self.recipe.rate)
        return self

    @torch.no_grad()
    def predict(self, examples: Examples) -> np.ndarray:
        """Predictions as the head learns them: standardised numbers ``B x 1``, or shares of classes ``B x C``."""
        self.model.eval()
        rng, found = np.random.default_rng(0), []
        for _ in range(DRAWS_AT_PREDICTION if self.recipe.draws else 1):
            rows = [
                examples.drawn(one, rng) if self.recipe.draws else examples.row(one) for one in range(len(examples))
            ]
            parts = []
            for start in range(0, len(rows), PREDICTED_AT_ONCE):
                some = slice(start, start + PREDICTED_AT_ONCE)
                batch = batch_of(examples, rows[some], examples.truth[some])
                encoded = self.model(batch, None, examples.vectors[batch.asvs_U])
                parts.append(self.model.outputs(encoded).double().numpy())
            found.append(np.concatenate(parts))
        return np.asarray(np.mean(found, axis=0))

    @torch.no_grad()
    def _start_at_components(self, examples: Examples, groups: np.ndarray | None) -> None:
        """As the product does with soft clades: a ridge or logistic regression, whose penalty is chosen by folds."""
        head = self.model.head
        path = [batch.profile_BK for batch in _batches(examples) if batch.profile_BK is not None]
        path_BK, target_BT = torch.cat(path).numpy(), torch.from_numpy(examples.truth)
        weight, bias = fit_linear(path_BK, examples.truth, head.num_classes, groups)
        head.start(target_BT, None)
        head.set_linear_path(torch.from_numpy(weight), CORRECTION)
        head.start_with_path(torch.from_numpy(path_BK @ weight.T), torch.from_numpy(bias), target_BT, None)

    def _train(self, examples: Examples, epochs: int, rate: float) -> None:
        if not epochs:
            return
        self.model.train()
        optimiser = self._optimiser(rate)
        steps = epochs * math.ceil(len(examples) / BATCH)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate_at(step / steps, self.recipe))
        mean, counted = None, 0
        for step, chosen in enumerate(_chosen(len(examples), epochs, self.rng)):
            one = changed(examples, chosen, self.recipe, self.rng)
            loss = self._loss(examples, one, chosen)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
            optimiser.step()
            schedule.step()
            if self.recipe.averaged and step >= steps // 2:
                counted += 1
                mean = _moved(mean, self.model.state_dict(), counted)
        if mean is not None:
            self.model.load_state_dict(mean)

    def _optimiser(self, rate: float) -> torch.optim.Optimizer:
        """AdamW; the linear path has a rate and a decay of its own, as in the product."""
        path = [] if self.model.head.linear_path is None else list(self.model.head.linear_path.parameters())
        frozen = {id(one) for part in (self.model.base.asv_encoder, self.model.base.heads) for one in part.parameters()}
        skipped = frozen | {id(one) for one in path}
        others = [one for one in self.model.parameters() if id(one) not in skipped]
        if self.also is not None:
            others += list(self.also.parameters())
        options = HeadOptions()
        return torch.optim.AdamW(
            [
                {"params": others, "weight_decay": DECAY},
                {"params": path, "lr": rate * options.linear_path_lr, "weight_decay": options.linear_path_decay},
            ],
            lr=rate,
        )

    def _loss(self, examples: Examples, one: Changed, chosen: np.ndarray) -> Tensor:
        head, batch = self.model.head, one.batch
        encoded = self.model(batch, None, examples.vectors[batch.asvs_U])
        first = head.compare(encoded, batch)
        if one.share is None:
            loss = head.loss(first)
        else:
            assert one.second is not None
            loss = self._loss_of_mixture(first, one.second, one.share)
        if self.also is None or examples.also is None:
            return loss
        wanted = torch.from_numpy(examples.also[np.repeat(chosen, max(1, self.recipe.draws))])
        known = ~wanted.isnan()
        apart = (self.also(encoded.sample.sample_BD) - wanted.nan_to_num())[known]
        return loss + self.recipe.auxiliary_weight * apart.square().sum() / known.sum().clamp_min(1)

    def _loss_of_mixture(self, first: Comparison, second: Tensor, share: Tensor) -> Tensor:
        """Of numbers the loss of the mixed target; of classes the mixed loss, as in mixup."""
        head = self.model.head
        if not head.num_classes:
            share_B1 = share[:, None]
            return head.loss(first._replace(truth=share_B1 * first.truth + (1 - share_B1) * second))
        parts = (first, share), (first._replace(truth=second), 1 - share)
        return sum((head.loss(one._replace(weight=weight)) for one, weight in parts), torch.zeros(()))


def _moved(mean: dict[str, Tensor] | None, state: dict[str, Tensor], counted: int) -> dict[str, Tensor]:
    if mean is None:
        return {name: value.clone() for name, value in state.items()}
    return {name: value + (state[name] - value) / counted for name, value in mean.items()}


def _rate_at(done: float, recipe: Recipe) -> float:
    if done < WARM:
        return max(done / WARM, 1e-2)
    if recipe.averaged:
        return 0.5 if done > 0.5 else 1.0
    return 0.5 * (1 + math.cos(math.pi * (done - WARM) / (1 - WARM)))


def _chosen(number: int, epochs: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(epochs):
        order = rng.permutation(number)
        for start in range(0, number, BATCH):
            yield order[start : start + BATCH]


def _batches(examples: Examples) -> list[Batch]:
    numbers = np.arange(len(examples))
    parts = [numbers[start : start + PREDICTED_AT_ONCE] for start in range(0, len(numbers), PREDICTED_AT_ONCE)]
    return [batch_of(examples, [examples.row(one) for one in some], examples.truth[some]) for some in parts]


def centred(encoder: SequenceEncoder, examples: Examples, num_clades: int) -> SequenceEncoder:
    """The encoder with soft clades, perhaps more of them, that are centred on the training samples' ASVs."""
    own = copy.deepcopy(encoder).eval()
    own.heads = nn.ModuleDict()
    if num_clades != own.options.num_soft_clades:
        own.options = dataclasses.replace(own.options, num_soft_clades=num_clades)
        own.sample_encoder.soft_clades = SoftClades(own.options.embedding_dim, num_clades)
        own.sample_encoder.profile = nn.Linear(num_clades, own.options.embedding_dim)
        calibrate_encoder(own, examples.vectors, _batches(examples), 0)
        return own.train()
    refit_clades(own, examples.vectors, _batches(examples), 0)
    return own.train()
