from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from aam.config import HeadOptions, LossOptions, ModelOptions
from aam.data.targets.intervals import calibrate_numbers
from aam.data.targets.targets import Targets
from aam.errors import AamError, CheckpointError
from aam.models.folder.container import checksum
from aam.models.folder.description import ModelDescription, build_model
from aam.models.folder.migrations import FORMAT, OLDEST
from aam.models.folder.paths import CARD, CONFIG, WEIGHTS, find_weights
from aam.models.folder.weights import load_model, load_models, save_model, save_models
from aam.models.sequence_encoder import SelfSupervision
from aam.models.sequence_predictor import SequencePredictor
from tests.models.model_cases import (
    CLASSES,
    REGRESSION,
    all_weights_move,
    model_options,
    predictor_plan,
    random_batch,
    told_batch,
    told_predictor,
)

ENCODER = ModelDescription(
    options=model_options(embedding_dim=8, asv_layers=0, sample_layers=0, encoder_layers=0, num_soft_clades=4),
    supervision=SelfSupervision(encoder_type="combined", counts=True, taxonomy_classes=("x", "y")),
    predictor=None,
    data={"trim_length": None, "max_bp": 150, "rarefy_depth": 1000, "token_limit": 64, "asv_sampling": "abundance"},
    record={"samples": 12},
)
PREDICTOR = replace(ENCODER, predictor=predictor_plan(REGRESSION))
CLASSIFIER = replace(
    ENCODER,
    predictor=predictor_plan(
        CLASSES,
        HeadOptions(linear_path=False, regressor_hidden_dims="none"),
        LossOptions(class_weights=(2.0, 1.0, 1.0), label_smoothing=0.1),
    ),
)
QUANTILES = replace(
    ENCODER,
    predictor=predictor_plan(
        REGRESSION,
        HeadOptions(regressor_hidden_dims=(6, 4), residual_regression_head=True, learnable_output_scale=True),
        LossOptions(loss_type="quantile", quantiles=(0.05, 0.5)),
    ),
)
BOUNDED = replace(
    ENCODER,
    predictor=predictor_plan(
        REGRESSION,
        HeadOptions(bounded_targets=True, target_layer_norm=True, regressor_dropout=0.25),
        LossOptions(loss_config='{"age": "mae"}'),
    ),
)


def saved(folder: Path, description: ModelDescription = PREDICTOR) -> torch.nn.Module:
    torch.manual_seed(0)
    model = build_model(description)
    all_weights_move(model)
    save_model(folder, model.state_dict(), description)
    return model.eval()


def header(weights: Path) -> dict[str, Any]:
    content = weights.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size])


def rewrite(weights: Path, **changes: Any) -> None:
    """Change the description in the weights' file, with a right checksum."""
    model = build_model(PREDICTOR)
    text = json.dumps({**json.loads(header(weights)["__metadata__"]["aam"]), **changes})
    metadata = {"aam": text}
    save_file({f"0.{name}": t.contiguous() for name, t in model.state_dict().items()}, weights, metadata)


@pytest.mark.parametrize(
    "description",
    [ENCODER, PREDICTOR, CLASSIFIER, QUANTILES, BOUNDED],
    ids=["encoder", "predictor", "classifier", "quantiles", "bounded"],
)
def test_round_trip(tmp_path: Path, description: ModelDescription) -> None:
    model = saved(tmp_path / "a" / "model", description)
    loaded, found = load_model(tmp_path / "a" / "model")
    assert found == description
    assert type(loaded) is type(model)
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    batch = random_batch()
    assert torch.equal(loaded.eval()(batch).sample.sample_BD, model(batch).sample.sample_BD)
    if isinstance(loaded, SequencePredictor):
        assert isinstance(model, SequencePredictor)
        assert torch.equal(loaded.outputs(loaded(batch)), model.outputs(model(batch)))


def test_every_option_and_word_survives(tmp_path: Path) -> None:
    target = replace(CLASSES, column="Körperstelle", classes=("ä, b", "\u2603", "c"))
    options = ModelOptions(embedding_dim=8, count_embedding_method="concat", dropout=0.25, asv_layers=0)
    plan = predictor_plan(target, loss=LossOptions(class_weights=(2.0, 1.0, 1.0)))
    description = replace(CLASSIFIER, options=options, predictor=plan, record={"note": "ünïcode\n", "r2": None})
    saved(tmp_path, description)
    assert load_model(tmp_path)[1] == description


def test_the_folder_holds_what_people_read(tmp_path: Path) -> None:
    saved(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([WEIGHTS, CONFIG, CARD])
    config = json.loads((tmp_path / CONFIG).read_text())
    assert config["format"] == FORMAT
    assert config["kind"] == "predictor"
    assert config["targets"]["specs"][0]["column"] == "age"
    assert config["members"][0]["model"]["embedding_dim"] == 8
    card = (tmp_path / CARD).read_text()
    assert "`age`" in card
    assert "aam predict --model" in card
    assert "rarefy depth: 1000" in card
    saved(tmp_path, CLASSIFIER)
    assert "(a, b, c)" in (tmp_path / CARD).read_text()
    saved(tmp_path, ENCODER)
    assert "pretrained-encoder" in (tmp_path / CARD).read_text()


def test_copies_for_people_are_not_read(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / CONFIG).unlink()
    (tmp_path / CARD).write_text("mine")
    assert load_model(tmp_path)[1] == PREDICTOR


def test_a_run_directory_and_the_file_itself_are_found(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    for path in (tmp_path, tmp_path / "model", tmp_path / "model" / WEIGHTS):
        assert find_weights(path) == tmp_path / "model" / WEIGHTS


@pytest.mark.parametrize("path", ["http://example.org/model", "https://example.org/model"])
def test_an_address_is_refused(path: str) -> None:
    for given in (path, Path(path)):
        with pytest.raises(CheckpointError, match="from disk only"):
            find_weights(given)  # type: ignore[arg-type]


def test_an_exported_file_is_no_model_folder(tmp_path: Path) -> None:
    (tmp_path / "age.onnx").write_bytes(b"")
    with pytest.raises(CheckpointError, match="an ONNX file is for programs without AAM"):
        find_weights(tmp_path / "age.onnx")


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model found"):
        load_model(tmp_path)
    with pytest.raises(CheckpointError, match="no model found"):
        load_model(tmp_path / "absent")
    (tmp_path / "final_model.yaml").write_text("cv: null\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"no model of all samples; train it: aam train --config .*final_model"):
        load_model(tmp_path)


def test_a_damaged_byte_is_found_wherever_it_is(tmp_path: Path) -> None:
    saved(tmp_path)
    weights = tmp_path / WEIGHTS
    content = weights.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    places = [*range(10), *range(10, 8 + size, 23), *range(8 + size, len(content), len(content) // 60)]
    for place in places:
        for flipped in (0x01, 0x20):
            damaged = bytearray(content)
            damaged[place] ^= flipped
            weights.write_bytes(damaged)
            with pytest.raises(CheckpointError):
                load_model(tmp_path)
    weights.write_bytes(content)
    load_model(tmp_path)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_file_that_was_cut_is_refused(tmp_path: Path, kept: int) -> None:
    saved(tmp_path)
    weights = tmp_path / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(tmp_path)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "best_model.pt"
    torch.save({"model": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="pickles are never loaded"):
        load_model(path)


def test_another_programs_weights_are_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(3)}, tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match="not of AAM"):
        load_model(tmp_path)


@pytest.mark.parametrize(("number", "remedy"), [(FORMAT + 1, "update it"), (OLDEST - 1, "train the model again")])
def test_another_format_is_refused_and_the_way_out_is_told(tmp_path: Path, number: int, remedy: str) -> None:
    saved(tmp_path)
    rewrite(tmp_path / WEIGHTS, format=number, aam="9.9.9")
    with pytest.raises(CheckpointError, match=rf"aam 9\.9\.9 \(format {number}\).*{remedy}"):
        load_model(tmp_path)


def test_weights_that_do_not_fit_the_description_are_refused(tmp_path: Path) -> None:
    description = replace(PREDICTOR, options=model_options(embedding_dim=16))
    save_model(tmp_path, build_model(PREDICTOR).state_dict(), description)
    with pytest.raises(CheckpointError, match="do not fit the description"):
        load_model(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    model = build_model(PREDICTOR)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state["head.out.bias"].fill_(value)
    save_model(tmp_path, state, PREDICTOR)
    with pytest.raises(CheckpointError, match=r"head\.out\.bias are not finite"):
        load_model(tmp_path)


def test_messages_are_one_line(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"x" * 100)
    with pytest.raises(AamError) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_checksum_covers_tensors_and_description() -> None:
    tensors = {"a": torch.arange(6.0), "b": torch.tensor(True)}
    assert checksum(tensors, {"x": 1, "y": 2}) == checksum(dict(reversed(tensors.items())), {"y": 2, "x": 1})
    assert checksum(tensors, {}) != checksum(tensors, {"x": 1})
    others = [
        {"a": torch.arange(6.0), "c": torch.tensor(True)},
        {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(True)},
        {"a": torch.arange(6.0).int(), "b": torch.tensor(True)},
        {"a": torch.arange(6.0), "b": torch.tensor(False)},
        {"a": torch.arange(6.0)},
    ]
    assert len({checksum(state, {}) for state in (tensors, *others)}) == 6
    half = {"h": torch.ones(3, dtype=torch.bfloat16)}
    assert checksum(half, {}) == checksum({"h": torch.ones(3, dtype=torch.bfloat16)}, {})


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = build_model(PREDICTOR)
    contents = set()
    for number in range(8):
        save_model(tmp_path / str(number), model.state_dict(), PREDICTOR)
        contents.add((tmp_path / str(number) / WEIGHTS).read_bytes())
    assert len(contents) == 1


def told_description(**told: Any) -> ModelDescription:
    """A predictor of two targets, told covariates, whose intervals are measured."""
    targets = Targets(
        specs=(
            replace(REGRESSION, level_shift=(5.0, 4.0), level_scale=(2.0, 1.0)),
            replace(REGRESSION, column="pH, soil", transform="boxcox", parameters=(0.5, 1.0, 0.001, 1000.0)),
        ),
        normalize_by=("lab",),
        levels=("lab=a",),
    )
    model = told_predictor(targets, HeadOptions(target_layer_norm=True), **told)
    calibrations = tuple(calibrate_numbers(np.arange(20.0) ** power, np.zeros(20), None) for power in (1, 2))
    return replace(
        ENCODER,
        options=model.base.options,
        supervision=model.base.supervision,
        predictor=model.plan,
        calibrations=calibrations,
        interval_level=0.75,
    )


@pytest.mark.parametrize("fusion", ["concat", "add", "gmu", "cross-attention", "perceiver"])
def test_a_model_that_is_told_covariates_comes_back_whole(tmp_path: Path, fusion: str) -> None:
    description = told_description(categorical_fusion=fusion, conditional_output_scaling=("season",))
    model = saved(tmp_path, description)
    loaded, found = load_model(tmp_path)
    assert found == description
    assert found.needed_columns == ("season", "city", "country", "ph", "lab")
    assert isinstance(loaded, SequencePredictor)
    assert isinstance(model, SequencePredictor)
    batch = told_batch(7)
    assert torch.equal(loaded.eval().outputs(loaded(batch)), model.outputs(model(batch)))
    card = (tmp_path / CARD).read_text()
    assert "--metadata YOUR_METADATA.tsv" in card
    assert "must have the columns season, city, country, ph, lab" in card
    assert "`age`, `pH, soil`" in card


def test_a_target_without_intervals_is_null_in_the_description() -> None:
    told = told_description()
    described = replace(told, calibrations=(told.calibrations[0], None))
    content = json.loads(json.dumps(described.to_dict()))
    assert content["intervals"]["calibrations"][1] is None
    assert ModelDescription.from_dict(content) == described


def test_an_ensemble_comes_back_member_by_member(tmp_path: Path) -> None:
    models = []
    for seed in range(11):
        model = build_model(QUANTILES)
        all_weights_move(model, seed)
        models.append(model.eval())
    save_models(tmp_path, [dict(model.state_dict()) for model in models], QUANTILES)
    loaded, description = load_models(tmp_path)
    assert description == replace(QUANTILES, members=11)
    batch = random_batch(4)
    for model, found in zip(models, loaded, strict=True):
        assert isinstance(model, SequencePredictor)
        assert isinstance(found, SequencePredictor)
        assert torch.equal(found.eval().outputs(found(batch)), model.outputs(model(batch)))
    assert "11 networks: the mean of their predictions" in (tmp_path / CARD).read_text()
    with pytest.raises(CheckpointError, match="an ensemble of 11 models; one is needed"):
        load_model(tmp_path)


def test_a_single_model_is_an_ensemble_of_one(tmp_path: Path) -> None:
    saved(tmp_path)
    (model,), description = load_models(tmp_path)
    assert description == PREDICTOR
    assert set(model.state_dict()) == set(build_model(PREDICTOR).state_dict())


def test_an_ensemble_with_a_member_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    states = [dict(build_model(PREDICTOR).state_dict()) for _ in range(2)]
    del states[1]["head.out.bias"]
    save_models(tmp_path, states, PREDICTOR)
    with pytest.raises(CheckpointError, match="do not fit the description"):
        load_models(tmp_path)


def test_a_tensor_of_no_member_is_refused(tmp_path: Path) -> None:
    for name in ("1.x", "x", "-1.x", "9" * 5_000 + ".x"):
        saved(tmp_path)
        with_extra(tmp_path / WEIGHTS, {name: torch.zeros(2)})
        with pytest.raises(CheckpointError, match=r"do not fit the description .*belongs to no member") as caught:
            load_models(tmp_path)
        assert len(str(caught.value)) < len(str(tmp_path)) + 200


def with_extra(weights: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Put more tensors into a file, with a right checksum."""
    config = json.loads(header(weights)["__metadata__"]["aam"])
    del config["sha256"]
    tensors = {**load_file(weights), **tensors}
    save_file(tensors, weights, {"aam": json.dumps({"sha256": checksum(tensors, config), **config})})


def described_as(folder: Path, place: str, value: Any) -> None:
    """A model whose description someone has changed who knows how the checksum is made; ``place`` is ``a.b.0.c``."""
    model = build_model(PREDICTOR)
    save_model(folder, model.state_dict(), PREDICTOR)
    tensors = {f"0.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    config = json.loads(header(folder / WEIGHTS)["__metadata__"]["aam"])
    del config["sha256"]
    *parents, last = [int(word) if word.isdecimal() else word for word in place.split(".")]
    part = config
    for word in parents:
        part = part[word]
    part[last] = value
    text = json.dumps({"sha256": checksum(tensors, config), **config})
    save_file(tensors, folder / WEIGHTS, {"aam": text})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("members.0.model", None),
        ("members.0.model", {"x": 1}),
        ("members.0.model.embedding_dim", "wide"),
        ("members.0.supervision", "x"),
        ("members.0.supervision.encoder_type", "best"),
        ("members.0.predictor", [1]),
        ("targets.specs", []),
        ("targets.specs.0.shift", "5"),
        ("targets.specs.0.scale", 0.0),
        ("targets.specs.0.scale", float("nan")),
        ("targets.specs.0.transform", "log"),
        ("targets.specs.0.transform", "boxcox"),
        ("targets.specs.0.parameters", [1.0]),
        ("targets.specs.0.kind", "classification"),
        ("targets.specs.0.level_shift", [1.0]),
        ("covariate_spec", {"categorical": [], "numeric": [], "hierarchies": []}),
        ("data", {}),
        ("data.rarefy_depth", "x"),
        ("data.rarefy_depth", 0),
        ("data.reverse_complement", "maybe"),
        ("data.token_limit", 10**40),
        ("data.asv_sampling", "best"),
        ("data.study_column", 3),
        ("record", None),
        ("intervals", 3),
        ("intervals.level", 1.5),
        ("intervals.calibrations", [None, None]),
        ("intervals.calibrations", [{"kind": "numbers"}]),
        ("members", []),
        ("members", 1),
        ("members.0", "network"),
        ("members.0.kind", 3),
        ("weights", [0.5]),
        ("weights", [0.5, 0.5]),
        ("weights", ["1"]),
        ("targets", None),
        ("outputs", {}),
        ("outputs.quantiles", [0.1, 0.9]),
        ("outputs.output_activation", "best"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(tmp_path: Path, place: str, value: Any) -> None:
    described_as(tmp_path, place, value)
    with pytest.raises(CheckpointError, match="its description cannot be used") as caught:
        load_models(tmp_path)
    assert len(str(caught.value)) < len(str(tmp_path)) + 200


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("members.0.model.asv_layers", 10**9),
        ("members.0.model.embedding_dim", 10**6),
        ("members.0.model.num_soft_clades", 10**9),
        ("members.0.predictor.head.regressor_hidden_dims", [10**6, 10**6]),
    ],
)
def test_a_description_that_is_too_large_takes_no_memory(tmp_path: Path, place: str, value: Any) -> None:
    described_as(tmp_path, place, value)
    with pytest.raises(CheckpointError, match="do not fit the description"):
        load_models(tmp_path)


@pytest.mark.parametrize("text", ["[1]", "[" * 5_000, "{}", '{"format": "2"}', '{"format": [2]}'])
def test_a_description_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    save_file({"x": torch.zeros(3)}, tmp_path / WEIGHTS, {"aam": text})
    with pytest.raises(CheckpointError, match="damaged"):
        load_models(tmp_path)


def test_looking_at_sizes_draws_no_random_numbers(tmp_path: Path) -> None:
    saved(tmp_path)
    torch.manual_seed(3)
    build_model(PREDICTOR)
    expected = torch.rand(3)
    torch.manual_seed(3)
    load_models(tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_a_forest_is_not_taken_for_a_network(tmp_path: Path) -> None:
    described_as(tmp_path, "members.0.kind", "forest")
    with pytest.raises(CheckpointError, match="this needs a network, and the model holds 1 forest"):
        load_models(tmp_path)
