"""The examples in the docstrings of :mod:`aam.workflows.api`: one story, on the study that this command writes.

``aam simulate --output-dir study --samples 60 --asvs 60 --seed 1``
"""

from __future__ import annotations

LOAD_STUDY = """\
>>> study = aam.load_study(
...     table="study/table.biom", metadata="study/metadata.tsv", metadata_column="gradient"
... )
>>> len(study)
60
>>> for step in study.flow:
...     print(step.step, step.kept, step.dropped)
Table 60 0
Metadata 60 0
Target 60 0

A misspelt option is refused with the nearest one.

>>> aam.load_study(tabel="study/table.biom")
Traceback (most recent call last):
aam.errors.ConfigError: unknown key tabel; did you mean table?
"""
TRAIN = """\
>>> result = aam.train(
...     table="study/table.biom",
...     metadata="study/metadata.tsv",
...     metadata_column="gradient",
...     group_column="subject",
...     learners="kernels",
...     output_dir="runs/gradient",
... )
>>> sorted(result.metrics["gradient"])
['mae', 'r2', 'rmse', 'spearman']
>>> model, guess = (result.judgements["gradient"].results[name]["mae"] for name in ("model", "guess"))
>>> model.value < guess.value
True
"""
PREDICT = """\
>>> gradient = aam.predict(model="runs/gradient", table="study/table.biom")["gradient"]
>>> len(gradient)
60
>>> bool((gradient.low < gradient.predicted).all() and (gradient.predicted < gradient.high).all())
True
"""
EVALUATE = """\
>>> found = aam.evaluate(
...     model="runs/gradient",
...     table="study/table.biom",
...     metadata="study/metadata.tsv",
...     include_trained=True,
... )
>>> found.summary[0]
'The model learned from all of these 60 samples: the results are better than for new ones.'
>>> sorted(found.tables)
['columns_left_out', 'errors_by_column', 'metrics', 'robustness', 'worst_samples']
"""
EXPLAIN = """\
>>> explanation = aam.explain(
...     model="runs/gradient", table="study/table.biom", metadata="study/metadata.tsv", levels=["asv"]
... )
>>> effects = explanation.effects_table()
>>> print(effects["level"][0], effects["rank"][0])
asv 1
"""
LIST_RUNS = """\
>>> runs = aam.list_runs(folders=["runs"])
>>> print(runs["target"][0], runs["state"][0], runs["samples"][0])
gradient finished 60
"""
