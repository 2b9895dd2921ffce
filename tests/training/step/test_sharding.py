"""Memory of runs whose model is sharded: what is counted is what is sharded, and a model that is too large fits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

from aam.config import ModelOptions, PretrainConfig
from aam.config.option import from_flat
from aam.errors import ConfigError, ReportedByAnotherRank
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.training.distributed.collectives import process_group
from aam.training.distributed.rank_info import find_rank_info
from aam.training.hardware.device_memory import bytes_in_use
from aam.training.hardware.host_memory import trim
from aam.training.plan.supervision import read_inputs
from aam.training.run.build_run import _new_encoder, begin, settle
from aam.training.step.sharding import shard, units_of
from tests.processes import in_processes

CPU = torch.device("cpu")
LARGE = {"embedding_dim": 384, "attention_heads": 2, "attention_layers": 4, "rarefy_depth": "300"}
LARGE |= {"token_limit": 5, "trim_length": 20, "asv_chunk_size": 2}  # so that the weights decide
OF_LAYER = 12 * 384**2 + 13 * 384


def small_model() -> SequenceEncoder:
    options = ModelOptions(embedding_dim=16, attention_heads=2, attention_layers=2)
    return SequenceEncoder(options, SelfSupervision(encoder_type="unifrac"))


def test_units_by_hand() -> None:
    model = small_model()
    everything = sum(parameter.numel() for parameter in model.parameters())
    layer = 12 * 16**2 + 13 * 16
    layers = sum(isinstance(module, nn.LayerNorm) and "mlp_norm" in name for name, module in model.named_modules())
    assert layers == 6
    assert units_of(model) == (everything, layer, everything - 6 * layer)


def test_what_is_counted_is_what_is_sharded(tmp_path: Path) -> None:
    assert in_processes(2, compare_units, tmp_path / "same") == [0, 0]
    assert (tmp_path / "same").exists()


def compare_units(same: Path) -> None:
    """Of each unit of the engine, the weights that it has by itself; and of them this process has the half."""
    options = from_flat(PretrainConfig, {"table": ["t"], "output_dir": "r", "distributed": True, "fsdp": True})
    rank_info = find_rank_info(options.distributed)
    with process_group(rank_info, options.distributed, "cpu", str):
        model = small_model()
        units = units_of(model)
        shard(model, torch.distributed.init_device_mesh("cpu", (2,)))
        sizes = {name: p.numel() for name, p in model.named_parameters()}
        roots = [name for name, module in model.named_modules() if isinstance(module, FSDPModule) and name]
        of = [sum(size for weight, size in sizes.items() if weight.startswith(f"{root}.")) for root in roots]
        assert (sum(sizes.values()), max(of), sum(sizes.values()) - sum(of)) == units
        here = sum(p.to_local().numel() for p in model.parameters())  # type: ignore[attr-defined]
        assert abs(here - units.all / 2) < len(sizes)
        same.touch()


def test_a_limit_that_is_too_low_for_the_whole_takes_the_shared(study: Path, tmp_path: Path) -> None:
    assert in_processes(2, settled, study, tmp_path, False) == [0, 0]
    refused = (tmp_path / "whole").read_text()
    assert refused.startswith("a batch of 2 needs about ")
    assert in_processes(2, settled, study, tmp_path, True) == [0, 0]
    planned = (tmp_path / "shared").read_text()
    assert planned.startswith("memory: batch 2 x accumulate 1 = 2, gradient checkpointing, 2 ASVs at once; expected ")
    assert planned.endswith(" (estimated)")


def settled(study: Path, folder: Path, fsdp: bool) -> None:
    """Plan with 12 bytes for each weight: a whole model takes 16, a sharded one of two processes little above 8."""
    given = {"table": [str(study / "table.biom")], "tree": str(study / "tree.nwk"), "output_dir": "run", **LARGE}
    given |= {"batch_size": 2, "gradient_checkpointing": True, "distributed": True, "fsdp": fsdp, "device": "cpu"}
    config = from_flat(PretrainConfig, given)
    rank_info = find_rank_info(config.distributed)
    with process_group(rank_info, config.distributed, "cpu", str):
        inputs = read_inputs(config)
        device, plan, data = begin(config, inputs)
        units = units_of(_new_encoder(plan.config, inputs.study))
        assert units.layer == OF_LAYER
        trim()
        limit = 2 * (bytes_in_use(CPU) + 12 * units.all)  # of both processes
        memory = dataclasses.replace(config.memory, max_memory_gb=limit / 1e9, max_memory_fraction=1.0)
        asked = dataclasses.replace(config, memory=memory)
        try:
            _, found = settle(asked, plan, data, lambda c: _new_encoder(c, inputs.study), device)
            said = found.line
        except ConfigError as error:
            said = str(error)
        except ReportedByAnotherRank:
            return
        if rank_info is not None and rank_info.rank == 0:
            (folder / ("shared" if fsdp else "whole")).write_text(said)
