from __future__ import annotations

from typing import Any

import pytest

from aam.config import CovariateOptions
from aam.errors import ConfigError


def test_columns_are_read_once_each() -> None:
    options = CovariateOptions(
        categorical_columns=("season", "city"), categorical_hierarchy=("city > state>country",), numeric_columns=("ph",)
    )
    assert options.hierarchies == (("city", "state", "country"),)
    assert options.columns == ("season", "city", "state", "country", "ph")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"categorical_hierarchy": ("city",)}, "--categorical-hierarchy needs two columns or more"),
        ({"categorical_hierarchy": ("city>>country",)}, "--categorical-hierarchy needs two columns or more"),
        ({"categorical_columns": ("a", "a")}, "'a' is named twice among the covariates"),
        ({"categorical_columns": ("a",), "numeric_columns": ("a",)}, "'a' is named twice among the covariates"),
        ({"categorical_hierarchy": ("a>b", "c>b")}, "'b' is named twice among the covariates"),
        ({"categorical_hierarchy": ("a>b",), "numeric_columns": ("b",)}, "'b' is named twice among the covariates"),
        (
            {"categorical_columns": ("a",), "conditional_output_scaling": ("b",)},
            "--conditional-output-scaling: 'b' is not among --categorical-columns",
        ),
        (
            {"categorical_columns": ("a",), "conditional_output_scaling": ("a", "a")},
            "--conditional-output-scaling names 'a' twice",
        ),
        ({"categorical_embed_dim": 8}, "--categorical-embed-dim needs --categorical-columns or --numeric-columns"),
        ({"categorical_fusion": "gmu"}, "--categorical-fusion needs --categorical-columns or --numeric-columns"),
        ({"categorical_lr": 1e-3}, "--categorical-lr needs --categorical-columns or --numeric-columns"),
        (
            {"unknown_level_rate": 0.2},
            "--unknown-level-rate needs --categorical-columns or --numeric-columns",
        ),
        (
            {"numeric_columns": ("ph",), "cross_attn_heads": 2},
            "--cross-attn-heads needs --categorical-fusion cross-attention or perceiver",
        ),
        (
            {"numeric_columns": ("ph",), "categorical_fusion": "cross-attention", "perceiver_num_layers": 1},
            "--perceiver-num-layers needs --categorical-fusion perceiver",
        ),
    ],
)
def test_what_says_nothing_or_two_things_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        CovariateOptions(**given)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"numeric_columns": ("ph",), "categorical_embed_dim": 8, "categorical_fusion": "add", "categorical_lr": 1e-3},
        {"categorical_hierarchy": ("a>b",), "conditional_output_scaling": ("b",), "unknown_level_rate": 0.0},
        {"categorical_columns": ("a",), "categorical_fusion": "cross-attention", "cross_attn_heads": 2},
        {"categorical_columns": ("a",), "categorical_fusion": "perceiver", "perceiver_num_latents": 4},
    ],
)
def test_what_works_together_is_taken(given: dict[str, Any]) -> None:
    CovariateOptions(**given)
