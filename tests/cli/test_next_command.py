"""The command that is proposed reads the table that was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from aam.cli.commands.train import _explain_lines
from aam.cli.commands.unifrac import _next_command
from aam.cli.next_command import TABLE_INPUTS, figures_command
from aam.config import TrainConfig, from_flat
from aam.config.command_line import option_words
from aam.config.commands.embed import EmbedConfig
from aam.config.commands.unifrac import UnifracConfig

TABLE = {"table": ["a.shared"], "table_layer": "0.03", "sequences": ["a.fasta"]}
WORDS = "--table a.shared --table-layer 0.03 --sequences a.fasta"


def test_a_part_of_a_table_is_read_again() -> None:
    train = from_flat(TrainConfig, {**TABLE, "metadata": "m.tsv", "metadata_column": ["y"], "output_dir": "run"})
    assert f"aam explain run {WORDS} --metadata m.tsv" in _explain_lines(train, Path("run"))[1]
    unifrac = from_flat(UnifracConfig, {**TABLE, "tree": "t.nwk", "output": "d.tsv"})
    assert f"aam pretrain {WORDS}" in " ".join(_next_command(unifrac))
    embed = from_flat(EmbedConfig, {**TABLE, "model": "run", "output_dir": "vectors"})
    assert " ".join(option_words(embed, TABLE_INPUTS)) == WORDS


def test_figures_of_a_name_are_on_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AAM_MODELS", str(tmp_path))
    assert figures_command(tmp_path / "age" / "model") == "aam models age"
    assert figures_command(Path("runs/my age")) == "aam info 'runs/my age'"
