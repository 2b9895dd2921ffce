"""`aam embed`: vectors of samples, ASVs and clades, ordinations and tests, and the page that shows them."""

from __future__ import annotations

import shlex

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
        if found.nearest is None:
            say("", "Next, find the training samples that each sample is most like:")
            words = ["aam", "embed", str(config.embed.model), "--table", str(config.table.table[0])]
            say(f"  {shlex.join([*words, '--training-table', 'TRAINING.biom', '--output-dir', f'{output}-nearest'])}")
        else:
            say("", "Next, predict these samples:")
            words = ["aam", "predict", "--model", str(config.embed.model), "--table", str(config.table.table[0])]
            say(f"  {shlex.join([*words, '--output', 'predictions.tsv'])}")
