"""What needs packages that AAM does without: UMAP and Emperor pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from aam.errors import ConfigError
from aam.ordination.ordinations import Ordination, ordination_text

MODULES = {"umap": ("umap",), "emperor": ("emperor", "pandas", "skbio")}
"""Extra -> the modules that it brings."""


def check_extra(extra: str, flag: str) -> None:
    """Refuse an option whose packages are not installed.

    Raises
    ------
    ConfigError
        Naming the option, what is missing and what installs it.
    """
    missing = [name for name in MODULES[extra] if find_spec(name) is None]
    if missing:
        raise ConfigError(f"{flag} needs {missing[0]}, which is not installed: pip install 'aam[{extra}]'")


def umap_layout(vectors_ND: np.ndarray, seed: int) -> np.ndarray:
    """Places of samples by UMAP of their vectors, ``N x 2``.

    References
    ----------
    McInnes, Healy, Melville (2018), UMAP: uniform manifold approximation and projection, arXiv:1802.03426.
    """
    import warnings

    with warnings.catch_warnings(action="ignore"):
        from umap import UMAP

        neighbours = max(2, min(15, len(vectors_ND) - 1))
        found = UMAP(n_components=2, n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(vectors_ND)
    return np.asarray(found, dtype=np.float64)


def write_emperor(
    folder: Path, ordination: Ordination, sample_ids: Sequence[str], columns: Mapping[str, np.ndarray]
) -> None:
    """Write an ordination as an Emperor page that needs no network.

    Parameters
    ----------
    folder
        Where to write ``index.html`` and what it loads; made.
    ordination, sample_ids
        Coordinates of samples; at least three axes are drawn, so fewer are filled with zeros.
    columns
        Metadata of these samples, as text.

    References
    ----------
    Vazquez-Baeza, Pirrung, Gonzalez, Knight (2013), EMPeror, GigaScience 2. https://doi.org/10.1186/2047-217X-2-16
    """
    import io

    import pandas
    from emperor import Emperor
    from skbio import OrdinationResults

    lacking = max(0, 3 - ordination.coordinates_NK.shape[1])
    padded = Ordination(
        ordination.method,
        np.pad(ordination.coordinates_NK, ((0, 0), (0, lacking))),
        np.pad(ordination.eigenvalues_K, (0, lacking)),
        np.pad(ordination.shares_K, (0, lacking)),
    )
    ids = list(map(no_markup, sample_ids))
    results = OrdinationResults.read(io.StringIO(ordination_text(padded, ids)))
    results.proportion_explained = pandas.Series(results.proportion_explained.to_numpy())
    known = {no_markup(name): list(map(no_markup, cells)) for name, cells in columns.items()}
    sheet = pandas.DataFrame(known, index=ids)
    if sheet.columns.empty:
        sheet["sample"] = ids
    sheet.index.name = "sample-id"
    page = Emperor(results, sheet, remote="./emperor-support")
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(page.make_emperor(standalone=True))
    page.copy_support_files(str(folder / "emperor-support"))


def no_markup(text: object) -> str:
    """A text that cannot end the script of a page that it stands in: Emperor writes names as they are."""
    return str(text).replace("<", "\u2039")
