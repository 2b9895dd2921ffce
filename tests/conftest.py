"""What all tests share: properties are tried on the same examples in every run, so that a green run stays green.

``pytest --hypothesis-profile search`` tries new ones.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("search", max_examples=200)
settings.load_profile("same")
