from __future__ import annotations

import numpy as np

from aam.data.targets.targets import Targets


def decoded(targets: Targets, learned: np.ndarray, level_B: np.ndarray | None = None) -> np.ndarray:
    """What the model learned of each target, in the user's units; targets stay the second axis."""
    parts = [spec.decode(targets.part(learned, place), level_B) for place, spec in enumerate(targets.specs)]
    return np.stack(parts, axis=1)
