"""Bad model folders (rows C of the matrix)."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from aam.config import TrainConfig, from_flat
from aam.data.targets.targets import Targets
from aam.learners.predictor import load_predictor, save_predictor
from aam.learners.trees.forest import ForestSettings, fit_forest
from aam.models.folder.container import checksum
from aam.models.folder.description import ModelDescription, build_model
from aam.models.folder.paths import WEIGHTS
from aam.models.folder.weights import load_model, load_models, save_model
from aam.models.sequence_encoder import SelfSupervision
from aam.training.run.transfer import adopt_sizes, read_encoder
from tests.badinputs.cases import Read, bad, bad_rows
from tests.badinputs.distances import Marker
from tests.data.study_files import make_study, random_counts
from tests.factories import random_sequences, write_zip
from tests.models.model_cases import REGRESSION, model_options, predictor_plan

DATA = {"trim_length": None, "max_bp": 150, "rarefy_depth": 1000, "token_limit": 64, "asv_sampling": "abundance"}
PICKLES = "pickles are never loaded"


def description(is_encoder: bool = False) -> ModelDescription:
    """A tiny model, or a pre-trained encoder."""
    options = model_options(embedding_dim=8, asv_layers=0, sample_layers=0, encoder_layers=1, num_soft_clades=4)
    plan = None if is_encoder else predictor_plan(REGRESSION)
    return ModelDescription(options=options, supervision=SelfSupervision(), predictor=plan, data=DATA, record={})


def saved(folder: Path, is_encoder: bool = False) -> Path:
    """The weights' file of a sound model in ``model/``."""
    torch.manual_seed(0)
    what = description(is_encoder)
    save_model(folder / "model", build_model(what).state_dict(), what)
    return folder / "model" / WEIGHTS


def of_bytes(folder: Path, change: Callable[[bytes], bytes]) -> Read:
    weights = saved(folder)
    weights.write_bytes(change(weights.read_bytes()))
    return lambda: load_models(folder / "model")


def rewritten(folder: Path, change: Callable[[dict[str, torch.Tensor], dict[str, Any]], object]) -> Read:
    """A model whose tensors or description were changed by someone who knows how to make the checksum right."""
    change_file(saved(folder), change)
    return lambda: load_models(folder / "model")


def change_file(weights: Path, change: Callable[[dict[str, torch.Tensor], dict[str, Any]], object]) -> None:
    """Change the tensors or the description of a file, and make its checksum right."""
    content = weights.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    said = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["aam"])
    del said["sha256"]
    tensors = load_file(weights)
    change(tensors, said)
    save_file(tensors, weights, {"aam": json.dumps({"sha256": checksum(tensors, said), **said})})


@bad(
    "C2 sizes asked for",
    "--encoder-layers 4, but the encoder of model has --encoder-layers 1: leave the option out, "
    "or pre-train another encoder",
)
def _(folder: Path) -> Read:
    saved(folder, is_encoder=True)
    flat = {"table": ["t"], "metadata": "m", "metadata_column": ["age"], "output_dir": "run", "encoder_layers": 4}
    flat["learners"] = "network"
    return lambda: adopt_sizes(from_flat(TrainConfig, flat), read_encoder(folder / "model"))


@bad("C3 pickle", f"model/model.safetensors: not an AAM model, or damaged (<any>); {PICKLES}")
def _(folder: Path) -> Read:
    (folder / "model").mkdir()
    torch.save({"state_dict": Marker(folder / "was-run")}, folder / "model" / WEIGHTS)
    return lambda: load_models(folder / "model")


@bad("C3 zip", f"model.aam: not an AAM model, or damaged (<any>); {PICKLES}")
def _(folder: Path) -> Read:
    write_zip(folder / "model.aam", {"data.pkl": b"cos\nsystem\n(S'touch was-run'\ntR."})
    return lambda: load_models(folder / "model.aam")


@bad("C3 another program's", "model/model.safetensors: a safetensors file, but not of AAM")
def _(folder: Path) -> Read:
    save_file({"weight": torch.zeros(3)}, saved(folder))
    return lambda: load_models(folder / "model")


def with_header(folder: Path, header: dict[str, Any], size: int = 64) -> Read:
    text = json.dumps(header).encode()
    weights = saved(folder)
    weights.write_bytes(struct.pack("<Q", len(text)) + text + bytes(size))
    return lambda: load_models(folder / "model")


@bad("C5 overlap", f"model/model.safetensors: not an AAM model, or damaged (<any>); {PICKLES}")
def _(folder: Path) -> Read:
    tensor = {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}
    return with_header(folder, {"a": tensor, "b": tensor})


def forest(folder: Path, change: Callable[[dict[str, torch.Tensor], dict[str, Any]], object]) -> Read:
    """A sound forest of two targets that was changed by someone who knows how to make the checksum right."""
    counts = random_counts(30, 8)
    study = make_study(counts, sequences=random_sequences(8, length=30), targets={"age": counts[:, 0] + 0.5})
    data = {"trim_length": None, "rarefy_depth": None}
    settings = ForestSettings(n_estimators=3, n_jobs=1, features="clades")
    found = fit_forest(study, np.arange(30), Targets(specs=(REGRESSION,)), settings=settings, data=data)
    save_predictor(folder / "model", [found])
    change_file(folder / "model" / WEIGHTS, change)
    return lambda: load_predictor(folder / "model")


def with_values(name: str, *values: float) -> Callable[[dict[str, torch.Tensor], dict[str, Any]], object]:
    """The first numbers of an array are others."""

    def change(tensors: dict[str, torch.Tensor], said: dict[str, Any]) -> None:
        tensors[name][: len(values)] = torch.tensor(values, dtype=tensors[name].dtype).reshape(
            -1, *[1] * (tensors[name].dim() - 1)
        )

    return change


TREES = "model/model.safetensors: its description cannot be used (<any>); use another copy"


@bad("C9 forest for a network", "model: this needs a network, and the model holds 1 forest")
def _(folder: Path) -> Read:
    forest(folder, lambda tensors, said: None)
    return lambda: read_encoder(folder / "model")


# fmt: off
bad_rows(
    ("C1 empty", f"model/model.safetensors: not an AAM model, or damaged (<any>); {PICKLES}",
     of_bytes, lambda content: b""),
    ("C1 truncated", f"model/model.safetensors: not an AAM model, or damaged (<any>); {PICKLES}",
     of_bytes, lambda content: content[:-100]),
    ("C1 flipped byte", "model/model.safetensors: damaged (its checksum differs); use another copy",
     of_bytes, lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    ("C1 flipped word", "model/model.safetensors: damaged (its checksum differs); use another copy",
     of_bytes, lambda content: content.replace(b"regression", b"regressiom")),
    ("C2 architecture", "model/model.safetensors: the weights do not fit the description (<any>)",
     rewritten, lambda tensors, said: said["members"][0]["model"].update(encoder_layers=2)),
    ("C4 newer format",
     "model/model.safetensors: made by aam 9.1 (format 99); this is aam <any> (format <any>): update it",
     rewritten, lambda tensors, said: said.update(format=99, aam="9.1")),
    ("C4 older format", "model/model.safetensors: made by aam 0.1 (format 1); this is aam <any>: train the model again",
     rewritten, lambda tensors, said: said.update(format=1, aam="0.1")),
    ("C5 huge header", f"model/model.safetensors: not an AAM model, or damaged (<any>); {PICKLES}",
     of_bytes, lambda content: struct.pack("<Q", 1 << 60) + content[8:]),
    ("C6 NaN", "model/model.safetensors: the weights <any> are not finite; train the model again",
     rewritten, lambda tensors, said: tensors.update({name: tensors[name] * float("nan") for name in [*tensors][:1]})),
    ("C6 extra tensor", "model/model.safetensors: the weights do not fit the description (<any>)",
     rewritten, lambda tensors, said: tensors.update(extra=torch.zeros(3))),
    ("C6 missing tensor", "model/model.safetensors: the weights do not fit the description (<any>)",
     rewritten, lambda tensors, said: tensors.pop(next(iter(tensors)))),
    ("C9 tree that leads back", TREES.replace("<any>", "a branch of a tree leads back"),
     forest, with_values("0.0.trees.left", 0)),
    ("C9 tree that leads nowhere", TREES.replace("<any>", "a branch of a tree leads nowhere"),
     forest, with_values("0.0.trees.right", 1 << 30)),
    ("C9 leaf that is not there", TREES.replace("<any>", "a branch of a tree leads nowhere"),
     forest, with_values("0.0.trees.root", -(1 << 31))),
    ("C9 feature that is not there", TREES.replace("<any>", "a split reads no feature"),
     forest, with_values("0.0.trees.feature", 1 << 20)),
    ("C9 NaN in a tree", "model/model.safetensors: the weights <any> are not finite; train the model again",
     forest, with_values("0.0.trees.threshold", float("nan"))),
    ("C9 values beyond all numbers", TREES.replace("<any>", "the values of a tree are too large"),
     forest, with_values("0.0.trees.value", 1.7e308)),
    ("C9 clades in a circle", TREES.replace("<any>", "the clades do not form a tree"),
     forest, with_values("0.0.features.parent", 0)),
    ("C9 ASV on no clade", TREES.replace("<any>", "'node_of_asv' is out of range"),
     forest, with_values("0.0.features.node_of_asv", 1 << 20)),
    ("C9 trees of another shape", TREES.replace("<any>", "'value' cannot be float64 [<any>"),
     forest, lambda tensors, said: tensors.update({"0.0.trees.value": torch.zeros(3, dtype=torch.float64)})),
    ("C9 no such learner",
     TREES.replace("<any>", "unknown learner 'oracle'; known: network, forest, clade_trees, kernel, with_e..."),
     forest, lambda tensors, said: said["members"][0].update(kind="oracle")),
    ("C9 weights of members", TREES.replace("<any>", "a member has no weight"),
     forest, lambda tensors, said: said.update(weights=[0.5])),
    ("C8 no such folder", "nothing: no model found (a folder with model.safetensors is needed)",
     lambda folder: lambda: load_model(folder / "nothing")),
    ("C8 URL", "https:/x.org/m: models are read from disk only; download it first",
     lambda folder: lambda: load_model(Path("https://x.org/m"))),
)
# fmt: on


def of_type(kind: torch.dtype) -> Callable[[dict[str, torch.Tensor], dict[str, Any]], object]:
    """All weights of a type."""
    return lambda tensors, said: tensors.update({name: tensor.to(kind) for name, tensor in tensors.items()})


def head_of(**options: Any) -> Callable[[dict[str, torch.Tensor], dict[str, Any]], object]:
    """A head with other options."""
    return lambda tensors, said: said["members"][0]["predictor"]["head"].update(options)


bad_rows(
    *(
        (f"C6 {name}", f"model/model.safetensors: the weights <any> cannot be {name}; use another copy", made, change)
        for name in ("complex64", "float8_e4m3fn", "float16", "bfloat16")
        for made, change in [(rewritten, of_type(getattr(torch, name)))]
    ),
    *(
        (
            f"C6 {name}",
            f"model/model.safetensors: the weights do not fit the description (<any>: torch.{name}, "
            "torch.float32 needed)",
            rewritten,
            of_type(getattr(torch, name)),
        )
        for name in ("bool", "float64", "int32")
    ),
    ("C6 forest of bools", TREES, forest, of_type(torch.bool)),
    ("C6 forest of complex", "model/model.safetensors: the weights <any> cannot be complex64; use another copy", forest,
     of_type(torch.complex64)),
    *(
        (f"C2 absurd {name} {number}", TREES, rewritten, head_of(**{name: value}))
        for number, (name, value) in enumerate(
            [("regressor_hidden_dims", 10**30),
            ("regressor_hidden_dims", [10**30]),
            ("regressor_hidden_dims", [2**31 - 1, 2**31 - 1]),
            ("regressor_hidden_dims", "10^30"),
            ("regressor_hidden_dims", {}),
            ("regressor_dropout", 10**400)]
        )
    ),
)  # fmt: skip
