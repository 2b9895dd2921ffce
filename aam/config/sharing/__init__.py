"""Options of the commands by which models travel: `aam models`, `aam pull` and `aam push`."""
