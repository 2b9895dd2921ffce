from __future__ import annotations

import inspect
from typing import Any

import pytest

import aam
from aam.config import PretrainConfig, TrainConfig
from aam.config.keywords import in_python
from aam.config.option import fields
from aam.errors import PreemptedError
from aam.estimators import AAMClassifier, AAMEncoder, AAMRegressor
from aam.estimators.options import (
    CLASSIFIER,
    ENCODER,
    LEFT_OUT,
    OF_CLASSES,
    OF_NUMBERS,
    OF_TARGETS,
    REGRESSOR,
    as_value_errors,
)

KINDS = [(AAMRegressor, TrainConfig, OF_CLASSES), (AAMClassifier, TrainConfig, OF_NUMBERS)]
KINDS += [(AAMEncoder, PretrainConfig, OF_TARGETS)]


@pytest.mark.parametrize(("kind", "config", "left_out"), KINDS)
def test_every_option_is_a_parameter_or_left_out(kind: Any, config: type, left_out: Any) -> None:
    parameters = dict(inspect.signature(kind).parameters)
    for _, field, _ in fields(config):
        if field.name in LEFT_OUT | left_out:
            assert field.name == "sequences" or field.name not in parameters
        elif field.name != "progress":
            assert parameters.pop(field.name).default == field.default, field.name
    assert parameters.pop("progress").default is False
    assert parameters.pop("sequences").default is None
    assert set(parameters) <= {"pretrained_encoder"}


def test_what_is_left_out_are_options() -> None:
    names = {field.name for config in (TrainConfig, PretrainConfig) for _, field, _ in fields(config)}
    assert names >= LEFT_OUT | OF_CLASSES | OF_NUMBERS
    assert {"table", "metadata_column", "categorical_columns", "test_size", "output_dir", "cv"} <= LEFT_OUT
    assert {"study_effect", "whole_studies", "logger", "join", "dask_scheduler", "earlier_samples"} <= LEFT_OUT


def test_the_docstring_tells_every_parameter() -> None:
    for kind, _, _ in KINDS:
        for name in inspect.signature(kind).parameters:
            assert f"\n{name} : default=" in (kind.__doc__ or ""), name


def test_no_parameter_is_explained_by_flags() -> None:
    for parameter in {**REGRESSOR, **CLASSIFIER, **ENCODER}.values():
        assert "--" not in parameter.help + parameter.derived


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        AAMRegressor(epoch=3)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("--batch-size 8 needs it", "batch_size 8 needs it"),
        ("leave out --no-gradient-checkpointing", "leave out gradient_checkpointing=False"),
        ("--keep-nuc-predictions: no", "skip_nuc_predictions=False: no"),
    ],
)
def test_flags_are_said_as_parameters(said: str, meant: str) -> None:
    assert in_python(said) == meant


@pytest.mark.parametrize(("interrupted", "kind"), [(True, KeyboardInterrupt), (False, SystemExit)])
def test_a_signal_ends_a_fit_as_it_ends_other_code(interrupted: bool, kind: type[BaseException]) -> None:
    with pytest.raises(kind), as_value_errors():
        raise PreemptedError("stopped at step 3; resume with: aam train ...", interrupted=interrupted)


def test_the_package_offers_them() -> None:
    assert aam.AAMRegressor is AAMRegressor
    assert aam.Study is not None
    assert {"AAMClassifier", "AAMEncoder", "load_study"} <= set(dir(aam))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        aam.nothing  # noqa: B018
