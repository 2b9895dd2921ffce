"""How many batches an epoch has. Apart from the loader, so that plans can be made without torch."""

from __future__ import annotations


def num_batches(num_samples: int, batch_size: int, world_size: int = 1) -> int:
    """Batches of an epoch: as few as the batch size allows, but none of a single sample unless one is asked for.

    A sample alone has no distance to another, so that it would teach nothing; one more sample in a batch of 2 does.
    """
    fewest = -(-num_samples // (batch_size * world_size))
    most = num_samples if batch_size == 1 else num_samples // 2
    return max(1, min(fewest, most // world_size))
