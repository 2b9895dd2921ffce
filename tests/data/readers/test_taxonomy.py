from __future__ import annotations

from pathlib import Path

import pytest

from aam.data.readers.taxonomy import read_taxonomy, split_lineage
from aam.errors import InputError
from tests.factories import write_qza

CONTENT = (
    "Feature ID\tTaxon\tConfidence\n"
    "a1\td__Bacteria; p__Firmicutes; c__\t0.9\n"
    "a2\td__Bacteria; p__Proteobacteria\t0.8\n"
    "ACGT\tUnassigned\t0.3\n"
)


@pytest.mark.parametrize(
    ("text", "ranks"),
    [
        ("d__Bacteria; p__Firmicutes; c__", ("d__Bacteria", "p__Firmicutes")),
        ("k__Bacteria;p__;c__Bacilli", ("k__Bacteria", "", "c__Bacilli")),
        ("Bacteria;Firmicutes", ("Bacteria", "Firmicutes")),
        ("Unassigned", ()),
        (" d__ ; p__", ()),
    ],
)
def test_ranks_without_a_name_are_empty(text: str, ranks: tuple[str, ...]) -> None:
    assert split_lineage(text) == ranks


@pytest.mark.parametrize("is_archive", [False, True])
def test_labels_are_whole_lineages_at_a_level(tmp_path: Path, is_archive: bool) -> None:
    path = tmp_path / "taxonomy.tsv"
    if is_archive:
        path = write_qza(tmp_path / "taxonomy.qza", "FeatureData[Taxonomy]", CONTENT.encode())
    else:
        path.write_text(CONTENT)
    taxonomy = read_taxonomy(path)
    numbers, taxa = taxonomy.labels(["a2", "a1", "hash", "absent"], ["T", "G", "ACGT", "C"], level=2)
    assert taxa == ("d__Bacteria; p__Firmicutes", "d__Bacteria; p__Proteobacteria")
    assert numbers.tolist() == [1, 0, -1, -1]
    with pytest.raises(InputError, match="no ASV is classified at level 3"):
        taxonomy.labels(["a1", "a2"], ["T", "G"], level=3)


def test_a_taxonomy_as_r_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text(CONTENT)
    plain = read_taxonomy(path).lineages
    rows = ["\t".join(f'"{cell}"' for cell in line.split("\t")) for line in CONTENT.splitlines()]
    path.write_text("\n".join(rows))
    assert read_taxonomy(path).lineages == plain
