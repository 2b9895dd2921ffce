"""`aam pretrain`: learn from samples without labels."""

from __future__ import annotations

import shlex

from aam.cli.next_command import TABLE_INPUTS
from aam.cli.run_log import run_log, say_next
from aam.config import PretrainConfig
from aam.config.command_line import option_words
from aam.workflows.runs.train import pretrain


def run(config: PretrainConfig, command_line: str) -> None:
    """Pre-train an encoder, and say how to train with it."""
    with run_log(config):
        run = pretrain(config, command_line).run
        tables = shlex.join(option_words(config, TABLE_INPUTS))
        encoder = shlex.quote(str(run))
        more = f"--metadata SAMPLES.tsv --metadata-column COLUMN --pretrained-encoder {encoder} --output-dir RUN"
        say_next(config, run, "Next, train it to predict a metadata column:", f"  aam train {tables} {more}")
