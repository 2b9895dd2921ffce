"""What all tests share: their own cache, and properties that are tried on the same examples in every run.

``pytest --hypothesis-profile search`` tries new ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("search", max_examples=200)
settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of parsed inputs of their own: that of whoever runs the tests is never touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AAM_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield
