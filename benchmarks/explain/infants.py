"""Which taxa come out of `infant_ecam`: five folds of children, explained by models that have not seen them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from aam import load_study
from aam.data.study.study import Study
from aam.data.targets.kinds import NUMBERS
from aam.explain.effects import Effects
from aam.explain.groups import AsvGroups, asv_groups, clade_groups
from aam.explain.method import METHODS, Subject
from aam.explain.pool import pool
from aam.learners.folds import deal_folds
from aam.learners.protocol import Labelled
from benchmarks.explain.studies import fit_model
