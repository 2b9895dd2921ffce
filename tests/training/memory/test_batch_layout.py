from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.config import MemoryOptions, PretrainConfig, SamplingOptions, TrainConfig
from aam.config.option import from_flat, to_flat
from aam.errors import ConfigError
from aam.models.size_estimate import Setting, Units, kept
from aam.text import format_bytes
from aam.training.hardware.host_memory import bounded
from aam.training.memory.batch_layout import MARGIN, plan_memory
from aam.training.memory.estimate import Estimate
from aam.training.memory.layout import Layout, MemoryPlan, divisors, out_of_memory
from aam.training.memory.worst_case import WorstCase
from aam.training.plan.derived_defaults import Plan, derive, with_layout
from tests.data.study_files import make_study, random_counts
from tests.training.plan.test_derived_defaults import FACTS

STUDY = make_study(random_counts(60, 200))
ROWS = np.arange(60)


def asked(kind: type = TrainConfig, **options: Any) -> Any:
    given = {"table": ["t.biom"], "output_dir": "run", "embedding_dim": 64, **options}
    if kind is TrainConfig:
        given |= {"metadata": "m.tsv", "metadata_column": "age", "learners": "network"}
    return from_flat(kind, given)


def estimate_for(plan: Plan[Any], before: float = 0.0) -> Estimate:
    worst = WorstCase(STUDY, ROWS, SamplingOptions())
    return Estimate(plan.config.model, worst, Setting(), before)


def planned(config: Any, limit: float, measure: Any = None) -> MemoryPlan:
    plan = derive(config, FACTS)
    return plan_memory(config, plan, estimate_for(plan), limit, measure)


def needed(config: Any, **layout: Any) -> float:
    """Bytes that the formula expects of a layout."""
    usual = Layout(batch_size=32, accumulation=1, checkpointing=False, chunk=0)
    return estimate_for(derive(config, FACTS)).expected(dataclasses.replace(usual, **layout))


class Machine:
    """A machine on which every batch takes some times what the formula expects, and more beside it."""

    def __init__(self, config: Any, factor: float, beside: float = 0.0):
        self.estimate = estimate_for(derive(config, FACTS))
        self.factor, self.beside = factor, beside
        self.tried: list[tuple[int, bool]] = []

    def __call__(self, layout: Layout, num_samples: int) -> float:
        self.tried.append((num_samples, layout.checkpointing))
        return self.beside + self.factor * self.estimate.activations(layout, self.estimate.worst.sizes(num_samples))


@pytest.mark.parametrize("kind", [TrainConfig, PretrainConfig])
@pytest.mark.parametrize("options", [{}, {"target_effective_batch_size": 32}, {"gradient_accumulation_steps": 4}])
def test_memory_divides_a_step_and_never_changes_its_size(kind: type, options: dict[str, Any]) -> None:
    config = asked(kind, **options)
    step = planned(config, 1e12).layout.batch_size * planned(config, 1e12).layout.accumulation
    limits = [needed(config, batch_size=size, checkpointing=saving) for size in (4, 8, 32) for saving in (True, False)]
    layouts = [planned(config, 1.001 * limit).layout for limit in limits]
    assert {layout.batch_size * layout.accumulation for layout in layouts} == {step}
    assert len({layout.batch_size for layout in layouts}) > 1


def test_checkpointing_comes_before_smaller_batches() -> None:
    config = asked(target_effective_batch_size=32)
    found = planned(config, 1.16 * needed(config, checkpointing=True)).layout
    assert (found.batch_size, found.accumulation, found.checkpointing) == (32, 1, True)
    found = planned(config, 1.14 * needed(config, checkpointing=True)).layout
    assert (found.batch_size, found.accumulation, found.checkpointing) == (16, 2, True)
    found = planned(config, 1.16 * needed(config)).layout
    assert (found.batch_size, found.checkpointing, found.chunk) == (32, False, 0)


@pytest.mark.parametrize("forced", [True, False])
def test_checkpointing_can_be_forced(forced: bool) -> None:
    config = asked(target_effective_batch_size=32, gradient_checkpointing=forced, asv_chunk_size=7)
    for limit in (1e12, 1.01 * needed(config, batch_size=8, checkpointing=forced, chunk=7)):
        layout = planned(config, limit).layout
        assert (layout.checkpointing, layout.chunk) == (forced, 7)


def test_a_step_of_distances_is_not_divided_into_single_samples() -> None:
    config = asked(PretrainConfig, target_effective_batch_size=8)
    with pytest.raises(ConfigError, match="a batch of 2 needs about"):
        planned(config, 0.99 * needed(config, batch_size=2, checkpointing=True))
    alone = asked(target_effective_batch_size=8)
    assert planned(alone, 1.01 * needed(alone, batch_size=1, checkpointing=True)).layout.batch_size == 1


def test_every_batch_has_samples_also_in_the_smallest_step() -> None:
    assert divisors(12, 12, 2) == [12, 6, 4, 3, 2]
    assert divisors(12, 11, 2) == [12, 6, 4, 3]
    assert divisors(12, 11, 1) == [12, 6, 4, 3, 2]
    assert divisors(7, 7, 2) == [7]
    with pytest.raises(ConfigError, match="--gradient-accumulation-steps 6 at most"):
        derive(asked(batch_size=1, gradient_accumulation_steps=7), FACTS)
    assert derive(asked(batch_size=1, gradient_accumulation_steps=8), FACTS).smallest_step == 8


def test_a_given_batch_size_is_never_changed() -> None:
    config = asked(batch_size=32, gradient_accumulation_steps=2)
    for limit in (1e12, 1.01 * needed(config, checkpointing=True)):
        layout = planned(config, limit).layout
        assert (layout.batch_size, layout.accumulation) == (32, 2)
    with pytest.raises(ConfigError) as caught:
        planned(config, 1.01 * needed(config, batch_size=16, checkpointing=True))
    said = str(caught.value)
    assert said.startswith("--batch-size 32 needs about ")
    assert "write --batch-size 16 --gradient-accumulation-steps 4, or --auto-batch-size" in said
    assert "--target-effective-batch-size 64 instead of --batch-size" in said


def test_what_is_said_where_nothing_fits() -> None:
    with pytest.raises(ConfigError, match="without --no-gradient-checkpointing, with a smaller --token-limit"):
        planned(asked(gradient_checkpointing=False), 1e3)
    with pytest.raises(ConfigError, match="--no-auto-batch-size tries anyway"):
        planned(asked(batch_size=4), 1e3)


@pytest.mark.parametrize("options", [{"auto_batch_size": False}, {"batch_size": 8, "resume_from": "run"}])
def test_nothing_is_planned_where_it_is_not_wanted(options: dict[str, Any]) -> None:
    config = asked(**options)
    machine = Machine(config, 1.0)
    assert planned(config, 1e3, machine).layout == Layout(batch_size=8, accumulation=1, checkpointing=False, chunk=0)
    assert machine.tried == []


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_formula_keeps_a_margin_for_its_own_error(device: str) -> None:
    config = asked(target_effective_batch_size=32, gradient_checkpointing=False)
    plan = derive(config, FACTS)
    estimate = dataclasses.replace(estimate_for(plan), setting=Setting(device=device))
    need, margin = (
        estimate.expected(Layout(batch_size=32, accumulation=1, checkpointing=False, chunk=0)),
        MARGIN[device],
    )
    for share, size in ((1.01 * margin, 32), (0.99 * margin, 16)):
        assert plan_memory(config, plan, estimate, share * need).layout.batch_size == size


def test_a_margin_is_no_reason_to_refuse_a_run() -> None:
    config = asked(batch_size=32)
    assert planned(config, 1.01 * needed(config, checkpointing=True)).layout.checkpointing
    with pytest.raises(ConfigError):
        planned(config, 0.99 * needed(config, checkpointing=True))


def test_nothing_is_measured_unless_it_is_asked_for() -> None:
    config = asked(target_effective_batch_size=32)
    machine = Machine(config, 1.0)
    assert planned(config, 1.2 * needed(config), machine).source == "estimated"
    assert machine.tried == []
    assert planned(asked(auto_batch_size=True), 1e12, machine).source == "measured"
    assert machine.tried == [(8, False)]


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("share", [0.3, 0.6, 1.0, 1.3])
def test_measuring_finds_the_largest_batch_that_fits(factor: float, share: float) -> None:
    config = asked(target_effective_batch_size=32, gradient_checkpointing=False, auto_batch_size=True)
    limit, beside = share * needed(config), 1e6
    machine = Machine(config, factor, beside)
    plan = planned(config, limit, machine)
    real = {size: beside + factor * needed(config, batch_size=size) for size in divisors(32, 32, 1)}
    fitting = [size for size, peak in real.items() if peak <= limit and needed(config, batch_size=size) <= 1.5 * limit]
    assert plan.layout.batch_size == max(fitting)
    assert plan.expected == real[plan.layout.batch_size]
    assert machine.tried[-1] == (plan.layout.batch_size, False)


def test_what_fits_in_no_layout_is_refused_once_measured() -> None:
    config = asked(target_effective_batch_size=32, auto_batch_size=True)
    machine = Machine(config, 1.0, beside=1e12)
    with pytest.raises(ConfigError, match="--no-auto-batch-size tries anyway"):
        planned(config, 1e11, machine)
    assert (32, False) in machine.tried


@pytest.mark.parametrize(
    ("setting", "numbers"),
    [
        # A tenth of 4 numbers of each of 1000 weights; 2 x 100 between the layers; 4 x 50 of a layer.
        (Setting(), 400 + 200 + 200),
        (Setting(moments=1), 300 + 200 + 200),
    ],
)
def test_what_a_process_holds_of_a_sharded_model(setting: Setting, numbers: int) -> None:
    plan = derive(asked(target_effective_batch_size=32), FACTS)
    worst = WorstCase(STUDY, ROWS, SamplingOptions())
    found = Estimate.sharded(plan.config.model, worst, setting, Units(1000, 50, 100), 7e6, 10)
    assert found.before == 7e6 + 4 * numbers
    assert found.start == 7e6 + 4 * 1000
    assert found.samples(Layout(batch_size=32, accumulation=1, checkpointing=False, chunk=0)) == 4


def test_each_process_encodes_its_part_of_the_asvs_of_a_batch() -> None:
    plan = derive(asked(target_effective_batch_size=32), FACTS)
    worst = WorstCase(STUDY, ROWS, SamplingOptions())
    found = Estimate.of(plan.config.model, worst, Setting(), 0, 0, 4)
    sizes = found.sizes(Layout(batch_size=32, accumulation=1, checkpointing=False, chunk=0))
    assert (sizes.samples, sizes.sequences) == (8, -(-worst.sizes(32).distinct // 4))
    assert sizes.sequences < sizes.distinct == worst.sizes(8).distinct
    assert kept(plan.config.model, sizes) < kept(plan.config.model, worst.sizes(8))


def test_16_bit_copies_are_kept_without_checkpointing() -> None:
    plan = derive(asked(), FACTS)
    worst = WorstCase(STUDY, ROWS, SamplingOptions())
    plain = Layout(batch_size=8, accumulation=1, checkpointing=False, chunk=0)
    for layout, copies in ((plain, 2 * 10**8), (dataclasses.replace(plain, checkpointing=True), 0)):
        units = Units(10**8, 10**6, 10**6)
        found = Estimate.sharded(plan.config.model, worst, Setting(half=True), units, 0, 2)
        assert found.expected(layout) == found.before + copies + found.activations(layout)


def test_what_lies_between_the_layers_may_be_the_largest_unit() -> None:
    """Its gradients are copied when those of the layers are done."""
    plan = derive(asked(), FACTS)
    found = Estimate.sharded(
        plan.config.model, WorstCase(STUDY, ROWS, SamplingOptions()), Setting(), Units(900, 50, 600), 0, 2
    )
    assert found.before == 4 * (4 * 450 + 3 * 600)


def test_all_weights_must_fit_before_they_are_sharded() -> None:
    plan = derive(asked(), FACTS)
    worst = WorstCase(STUDY, ROWS, SamplingOptions())
    many = Estimate.sharded(plan.config.model, worst, Setting(), Units(10**10, 10**5, 10**5), 5.0, 10**4)
    assert many.expected(Layout(batch_size=8, accumulation=1, checkpointing=True, chunk=0)) == 5 + 4 * 10**10


def test_limits() -> None:
    assert bounded(100e9, MemoryOptions()) == 80e9
    assert bounded(100e9, MemoryOptions(max_memory_gb=24)) == 24e9
    assert bounded(10e9, MemoryOptions(max_memory_gb=24)) == 8e9
    assert bounded(10e9, MemoryOptions(max_memory_fraction=1.0)) == 10e9


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"auto_batch_size": True, "batch_size": 8}, "or write --target-effective-batch-size 8"),
        ({"target_effective_batch_size": 30, "batch_size": 8}, "30 is not a multiple of --batch-size 8"),
        ({"target_effective_batch_size": 32, "gradient_accumulation_steps": 4}, "leave --gradient-accumulation-steps"),
        (
            {"target_effective_batch_size": 32, "batch_size": 8, "gradient_accumulation_steps": 2},
            "leave one of the three out",
        ),
        ({"max_memory_gb": 0}, "must be above 0"),
        ({"max_memory_fraction": 1.1}, "must be at most 1"),
    ],
)
@pytest.mark.parametrize("kind", [TrainConfig, PretrainConfig])
def test_sizes_that_contradict_each_other(kind: type, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        asked(kind, **options)


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, (8, 1, 8)),
        ({"gradient_accumulation_steps": 3}, (8, 3, 24)),
        ({"batch_size": 5}, (5, 1, 5)),
        ({"batch_size": 5, "gradient_accumulation_steps": 2}, (5, 2, 10)),
        ({"target_effective_batch_size": 24}, (24, 1, 24)),
        ({"target_effective_batch_size": 24, "batch_size": 6}, (6, 4, 24)),
    ],
)
def test_samples_of_a_step(options: dict[str, Any], sizes: tuple[int, int, int]) -> None:
    plan = derive(asked(**options), FACTS)
    flat = to_flat(plan.config)
    names = ("batch_size", "gradient_accumulation_steps", "target_effective_batch_size")
    assert tuple(flat[name] for name in names) == sizes
    assert flat["auto_batch_size"] is False
    assert derive(plan.config, FACTS).config == plan.config


def test_the_steps_follow_the_layout() -> None:
    plan = derive(asked(target_effective_batch_size=8, epochs=7), FACTS)
    divided = with_layout(plan, 2, 4, {"gradient_checkpointing": True})
    assert (divided.steps_per_epoch, divided.total_steps) == (plan.steps_per_epoch, plan.total_steps) == (25, 175)
    optim = divided.config.optim
    assert (optim.batch_size, optim.gradient_accumulation_steps, divided.config.model.gradient_checkpointing) == (
        2,
        4,
        True,
    )


def memory(**changes: Any) -> MemoryPlan:
    layout = {"batch_size": 24, "accumulation": 2, "checkpointing": False, "chunk": 0, **changes}
    return MemoryPlan(Layout(**layout), 9.1e9, 24e9, "measured", 1024)


def test_the_plan_in_words() -> None:
    assert memory().line == "memory: batch 24 x accumulate 2 = 48; expected 9.1 of 24.0 GB (measured)"
    words = "batch 24 x accumulate 2 = 48, gradient checkpointing, 256 ASVs at once; expected"
    assert words in memory(checkpointing=True, chunk=256).line
    assert memory().compared(8.7e9) == "peak memory 8.7 GB; 4% less than expected"
    assert memory().compared(9.6e9) == "peak memory 9.6 GB; 5% more than expected"
    assert memory().compared(9.1e9) == "peak memory 9.1 GB; as expected"
    assert (format_bytes(123e6), format_bytes(1.25e9)) == ("123 MB", "1.2 GB")


def test_what_to_type_when_memory_ran_out() -> None:
    run = Path("runs/my age")
    training = derive(asked(target_effective_batch_size=48), FACTS)
    pretraining = derive(asked(PretrainConfig, target_effective_batch_size=48), FACTS)
    first = out_of_memory(memory(), training, run, "cuda")
    assert first.startswith("out of GPU memory at batch 24 (longest sample: 1,024 ASVs); resume with: ")
    assert first.endswith("aam train --resume-from 'runs/my age' --gradient-checkpointing")
    second = out_of_memory(memory(checkpointing=True), pretraining, run, "cpu")
    assert second.startswith("out of memory at batch 24 ")
    words = (
        "aam pretrain --config 'runs/my age/config.yaml' --overwrite --batch-size 16 --gradient-accumulation-steps 3"
    )
    assert second.endswith(words)
    last = out_of_memory(memory(checkpointing=True, batch_size=1, accumulation=1), training, run, "cpu")
    assert last.endswith("--overwrite --token-limit 512")
