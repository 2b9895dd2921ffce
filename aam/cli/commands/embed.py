"""`aam embed`: vectors of samples, ASVs and clades, ordinations and tests, and the page that shows them."""

from __future__ import annotations

import shlex

from aam.cli.next_command import TABLE_INPUTS
from aam.config.command_line import option_words
from aam.config.commands.embed import EmbedConfig
from aam.log import logging_to_terminal, say
from aam.runs.layout import REPORT
from aam.workflows.embedding.run import embed


def run(config: EmbedConfig) -> None:
    """Embed the samples of a table, and say what was found and where it is."""
    with logging_to_terminal():
        found = embed(config)
        output = config.output.output_dir
        say("", *found.summary, f"report: {output / REPORT}")
        model, table = str(config.embed.model), option_words(config, TABLE_INPUTS)
        if found.nearest is None:
            say("", "Next, find the training samples that each sample is most like:")
            words = ["aam", "embed", model, *table, "--training-table", "TRAINING.biom"]
            say(f"  {shlex.join([*words, '--output-dir', f'{output}-nearest'])}")
        else:
            say("", "Next, predict these samples:")
            words = ["aam", "predict", "--model", model, *table, "--output", "predictions.tsv"]
            say(f"  {shlex.join(words)}")
