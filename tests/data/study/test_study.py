from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.alphabet import decode
from aam.config import SamplingOptions, SplitOptions, StudyOptions, TableOptions
from aam.data.study.split import make_split
from aam.data.study.study import Study, TargetRequest, inspect_study, load_study
from aam.data.study.summary import describe
from aam.data.targets.kinds import CLASSES, NUMBERS
from aam.errors import AamError, Attempts, ConfigError, InputError
from tests.data.study_files import NUM_SAMPLES, Files, write_sheet, write_study, write_table
from tests.factories import write_tsv

AGE = TargetRequest(kind=NUMBERS, columns=("age",))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_study(tmp_path)


def load(files: Files, target: TargetRequest | None = None, depth: object = None, **options: object) -> Study:
    sampling = None if depth is None else SamplingOptions(rarefy_depth=depth)
    return load_study(files.table(), files.study(**options), sampling, target)


def sheet(files: Files, ages: dict[str, str], name: str = "metadata.tsv") -> None:
    write_sheet(files.folder / name, ["id", "age", "w"], [[i, age, "2"] for i, age in ages.items()])


def steps(study: Study) -> dict[str, tuple[int, int]]:
    return {step.step: (step.kept, step.dropped) for step in study.flow}


def test_everything_follows_the_table(files: Files) -> None:
    study = load(files, TargetRequest(kind=NUMBERS, columns=("age",), weight_column="weight"))
    order = np.argsort(files.sequences)
    assert repr(study) == f"<Study of {NUM_SAMPLES} samples and {len(files.sequences)} ASVs>"
    assert study.sample_ids.tolist() == files.sample_ids
    assert study.table.counts.toarray().tolist() == files.counts[:, order].tolist()
    assert [decode(row) for row in study.tokens] == [files.sequences[i] for i in order]
    assert study.lengths.tolist() == [len(files.sequences[i]) for i in order]
    assert study.longest_sequence == max(map(len, files.sequences))
    assert study.target is not None
    assert study.target.tolist() == [3.5 * i for i in range(NUM_SAMPLES)]
    assert study.weights is not None
    assert study.weights.tolist() == [1.5] * NUM_SAMPLES
    assert study.metadata is not None
    assert study.metadata.column("site").tolist() == ["abc"[i % 3] for i in range(NUM_SAMPLES)]
    assert study.phylogeny is not None
    assert study.phylogeny.faith_pd(study.table.counts).shape == (NUM_SAMPLES,)
    assert study.rarefy_depth is None
    assert len(np.unique(study.keys)) == NUM_SAMPLES


def test_the_order_of_the_files_does_not_matter(files: Files, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(NUM_SAMPLES), rng.permutation(len(files.sequences))
    write_table(
        tmp_path / "shuffled.tsv",
        files.counts[rows][:, columns],
        [files.sample_ids[i] for i in rows],
        [files.sequences[i] for i in columns],
    )
    study, other = load(files, AGE), load_study(files.table("shuffled.tsv"), files.study(), None, AGE)
    assert other.table.sequences.tolist() == study.table.sequences.tolist()
    assert other.keys.tolist() == study.keys[rows].tolist()
    assert other.target is not None
    assert study.target is not None
    assert other.target.tolist() == study.target[rows].tolist()
    assert (other.table.counts != study.table.counts[rows]).nnz == 0


def test_a_condition_and_missing_values_leave_samples_out(files: Files) -> None:
    ages = {sample_id: str(i) for i, sample_id in enumerate(files.sample_ids)}
    ages |= {"s03": "", "s05": "NA", "s07": "unknown", "elsewhere": "not a number"}
    del ages["s00"]
    sheet(files, ages)
    request = TargetRequest(kind=NUMBERS, columns=("age",), missing=("unknown",))
    study = load(files, request)
    assert steps(study) == {"Table": (12, 0), "Metadata": (11, 1), "Target": (8, 3)}
    assert study.flow[-1].examples == ("s03", "s05", "s07")
    assert study.flow[1].reason == "not in metadata.tsv"
    assert study.sample_ids.tolist() == ["s01", "s02", "s04", "s06", "s08", "s09", "s10", "s11"]
    assert study.target is not None
    assert study.target.tolist() == [1, 2, 4, 6, 8, 9, 10, 11]
    assert study.table_ids.tolist() == files.sample_ids


def test_a_condition_on_the_sheet(files: Files) -> None:
    study = load(files, AGE, where="site == 'a' AND age > 10")
    assert study.sample_ids.tolist() == ["s03", "s06", "s09"]
    assert steps(study)["Condition"] == (3, 9)
    assert (np.asarray(study.table.counts.sum(axis=0)) > 0).all()
    assert study.tree is not None
    assert len(study.tree.names) == study.table.counts.shape[1] < len(files.sequences)


def test_labels(files: Files) -> None:
    study = load(files, TargetRequest(columns=("site",), kind=CLASSES))
    assert study.target is not None
    assert study.target.tolist() == ["abc"[i % 3] for i in range(NUM_SAMPLES)]


def test_rarefaction_leaves_out_shallow_samples(files: Files) -> None:
    reads = files.counts.sum(axis=1)
    depth = int(np.sort(reads)[2])
    study = load(files, AGE, depth=depth)
    assert study.rarefy_depth == depth
    assert study.sample_ids.tolist() == [i for i, n in zip(files.sample_ids, reads, strict=True) if n >= depth]
    assert study.flow[-1].reason == f"fewer than {depth:,} reads"
    assert load(files, AGE, depth="none").rarefy_depth is None
    with pytest.raises(InputError, match="no sample has 1,000,000 reads"):
        load(files, AGE, depth=1_000_000)


def tree_without(files: Files, names: list[str], path: Path) -> None:
    from aam.phylogeny.tree import read_tree

    kept = [name for name in read_tree(files.folder / "tree.nwk").names if name not in names]
    path.write_text("(" + ",".join(f"{name}:1" for name in kept[1:]) + f"):1,{kept[0]}:1);\n")
    path.write_text("(" + path.read_text())


def test_missing_tips(files: Files, tmp_path: Path) -> None:
    gone = sorted(files.sequences)[2:5]
    tree_without(files, gone, tmp_path / "few.nwk")
    with pytest.raises(InputError, match=rf"few.nwk: 3 of 20 ASVs are not tips \(first: {gone[0]}\); --missing-tips"):
        load(files, tree=tmp_path / "few.nwk")
    study = load(files, tree=tmp_path / "few.nwk", missing_tips="drop")
    lost = files.counts[:, [files.sequences.index(name) for name in gone]].sum() / files.counts.sum()
    assert study.notes[-1] == (
        f"3 of 20 ASVs dropped: not tips of few.nwk, with {lost:.2%} of the reads (first: {gone[0]})"
    )
    assert study.table.counts.shape[1] == len(study.tokens) == 17
    assert study.phylogeny is not None
    study.phylogeny.unweighted_unifrac(study.table.counts)


def test_tips_named_by_ids_and_a_tree_of_something_else(files: Files, tmp_path: Path) -> None:
    hashes = [f"h{i}" for i in range(len(files.sequences))]
    text = (tmp_path / "tree.nwk").read_text()
    fasta = "".join(f">{name}\n{sequence}\n" for name, sequence in zip(hashes, files.sequences, strict=True))
    for name, sequence in zip(hashes, files.sequences, strict=True):
        text = text.replace(sequence, name)
    (tmp_path / "ids.nwk").write_text(text)
    (tmp_path / "seqs.fasta").write_text(fasta)
    write_table(tmp_path / "ids.tsv", files.counts, files.sample_ids, hashes)
    options = TableOptions(table=(tmp_path / "ids.tsv",), sequences=(tmp_path / "seqs.fasta",))
    by_ids = load_study(options, files.study(tree=tmp_path / "ids.nwk"), None, None)
    by_sequences = load(files)
    assert by_ids.phylogeny is not None
    assert by_sequences.phylogeny is not None
    np.testing.assert_allclose(
        by_ids.phylogeny.unweighted_unifrac(by_ids.table.counts),
        by_sequences.phylogeny.unweighted_unifrac(by_sequences.table.counts),
    )
    with pytest.raises(InputError, match="none of 20 ASVs is a tip"):
        load(files, tree=tmp_path / "ids.nwk", missing_tips="drop")


def write_distances(path: Path, ids: list[str], values: np.ndarray) -> None:
    rows = [[name, *(f"{v:.6f}" for v in row)] for name, row in zip(ids, values, strict=True)]
    write_sheet(path, ["", *ids], rows)


def test_distances_are_put_in_order(files: Files, tmp_path: Path) -> None:
    plain = load(files)
    assert plain.phylogeny is not None
    values = plain.phylogeny.unweighted_unifrac(plain.table.counts)
    order = np.random.default_rng(2).permutation(NUM_SAMPLES)
    write_distances(tmp_path / "u.tsv", [files.sample_ids[i] for i in order], values[np.ix_(order, order)])
    study = load(files, AGE, distances=tmp_path / "u.tsv", where="site <> 'b'")
    rows = [files.sample_ids.index(i) for i in study.sample_ids]
    assert study.distances is not None
    among = study.distances.among(np.arange(len(study)))
    np.testing.assert_allclose(among, values[np.ix_(rows, rows)], atol=1e-5)


def test_distances_of_another_table(files: Files, tmp_path: Path) -> None:
    plain = load(files)
    assert plain.phylogeny is not None
    values = 1 - plain.phylogeny.unweighted_unifrac(plain.table.counts)
    np.fill_diagonal(values, 0)
    write_distances(tmp_path / "u.tsv", files.sample_ids, values)
    with pytest.raises(InputError, match=r"u.tsv: disagrees with the tree \(s\d\d,s\d\d: 0.\d\d vs 0.\d\d\)"):
        load(files, distances=tmp_path / "u.tsv")
    assert load(files, distances=tmp_path / "u.tsv", tree=None).distances is not None


def test_several_tables_get_a_column(files: Files, tmp_path: Path) -> None:
    write_table(tmp_path / "one.tsv", files.counts[:7], files.sample_ids[:7], files.sequences)
    write_table(tmp_path / "two.tsv", files.counts[7:], files.sample_ids[7:], files.sequences)
    options = TableOptions(table=(tmp_path / "one.tsv", tmp_path / "two.tsv"))
    study = load_study(options, files.study(study_column="run"), None, None)
    assert study.metadata is not None
    assert study.metadata.column("run").tolist() == ["one"] * 7 + ["two"] * 5
    assert len(load_study(options, files.study(where="study == 'two'"), None, None)) == 5
    without_sheet = load_study(options, files.study(metadata=None), None, None)
    assert without_sheet.metadata is not None
    split = make_split(SplitOptions(group_column="study"), without_sheet, None, None, 0)
    assert {len(split.train), len(split.validation)} == {5, 7}
    own = load_study(options, files.study(study_column="site"), None, None)
    assert own.metadata is not None
    assert set(own.metadata.column("site")) == set("abc")
    assert any("column 'site' is that of metadata.tsv" in note for note in own.notes)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["0s00", "0s01"], ["table: 's00', metadata: '0s00'", "did a program drop leading zeros?"]),
        (["S00", "S01"], ["table: 's00', metadata: 'S00'", "does the case of the letters differ?"]),
        (["x", "y"], ["table: 's00', metadata: 'x'"]),
    ],
)
def test_no_sample_in_common(files: Files, ids: list[str], words: list[str]) -> None:
    sheet(files, dict.fromkeys(ids, "1"))
    with pytest.raises(InputError) as caught:
        load(files, AGE)
    message = str(caught.value)
    assert message.startswith("metadata.tsv: no sample of table.tsv is in it")
    assert all(word in message for word in words)


@pytest.mark.parametrize(
    ("ages", "options", "message"),
    [
        ({"s00": "1"}, {}, "metadata.tsv: only 1 of 12 samples of table.tsv is in it; at least 2 are needed"),
        ({"s00": "", "s01": "NA"}, {}, "no sample of table.tsv is left: 2 of 2: 'age' is missing (first: s00)"),
        ({"s00": "1", "s01": "2"}, {"where": "age > 7"}, "no sample of table.tsv is left: 2 of 2: age > 7 does not"),
    ],
)
def test_nothing_left(files: Files, ages: dict[str, str], options: dict[str, str], message: str) -> None:
    sheet(files, ages)
    with pytest.raises(InputError) as caught:
        load(files, AGE, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("", "1 of 12 samples have no weight (first: s04)"),
        ("0", "have a weight that is not above 0 (first: s04)"),
        ("much", "column 'w' is not numeric: 1 of 12 values (s04: 'much')"),
        ("inf", "column 'w': value 'inf' (s04) is not finite"),
    ],
)
def test_weights_must_be_given_and_positive(files: Files, weight: str, message: str) -> None:
    rows = [[i, "1", weight if i == "s04" else "2"] for i in files.sample_ids]
    write_sheet(files.folder / "metadata.tsv", ["id", "age", "w"], rows)
    with pytest.raises(InputError) as caught:
        load(files, TargetRequest(kind=NUMBERS, columns=("age",), weight_column="w"))
    assert message in str(caught.value)
    assert str(caught.value).endswith("; give every sample a positive weight")


def test_options_that_need_a_sheet(files: Files) -> None:
    with pytest.raises(ConfigError, match="--where needs --metadata"):
        load(files, metadata=None, where="age > 1")
    with pytest.raises(ConfigError, match="--metadata is required"):
        load(files, AGE, metadata=None)


def test_all_problems_at_once(files: Files, tmp_path: Path) -> None:
    (tmp_path / "bad.nwk").write_text("(A:1,B:1")
    (tmp_path / "u.tsv").write_text("")
    request = TargetRequest(kind=NUMBERS, columns=("aeg",), weight_column="weight")
    options = files.study(tree=tmp_path / "bad.nwk", distances=tmp_path / "u.tsv", where="nothing = 1")
    attempt = Attempts()
    found, sheet = inspect_study(files.table(), options, SamplingOptions(rarefy_depth=10**6), request, attempt)
    assert found is None, "the condition says which samples are meant"
    assert sheet is not None
    problems = attempt.lines
    for words in ("bad.nwk: ", "u.tsv: ", "nothing", "no column 'aeg'", "no sample has 1,000,000 reads"):
        assert any(words in problem for problem in problems), (words, problems)
    assert len(problems) == len(set(problems)) == 5
    with pytest.raises(AamError):
        load_study(files.table(), options, None, request)


def test_what_is_sound_of_a_study_is_used(files: Files, tmp_path: Path) -> None:
    attempt = Attempts()
    whole, _ = inspect_study(files.table(), files.study(), SamplingOptions(), AGE, attempt)
    assert attempt.lines == []
    assert whole is not None
    assert whole.tree is not None
    (tmp_path / "bad.nwk").write_text("(A:1,B:1")
    options = files.study(tree=tmp_path / "bad.nwk")
    part, _ = inspect_study(files.table(), options, SamplingOptions(), AGE, attempt)
    assert len(attempt.lines) == 1
    assert part is not None
    assert part.tree is None
    assert np.array_equal(part.targets["age"], whole.targets["age"])


def test_problems_without_a_table(files: Files) -> None:
    attempt = Attempts()
    options = files.study(metadata=None, where="a")
    assert inspect_study(files.table("none.biom"), options, None, None, attempt) == (None, None)
    assert len(attempt.lines) == 2


def test_describe(files: Files) -> None:
    study = load(files, AGE, depth=20, where="site <> 'c'")
    split = make_split(SplitOptions(), study, study.target, NUMBERS, 0)
    lines = describe(study, split)
    assert "Condition: 4 samples dropped: site <> 'c' does not hold (s02, s05, s08, ...)" in lines
    assert "8 samples of 12 and 20 ASVs are kept" in lines
    assert "rarefaction: 20 reads are drawn from each" in lines
    assert "split: 6 train, 2 validation" in lines
    assert any(line.startswith("reads per sample: ") and "median" in line for line in lines)


@pytest.mark.parametrize("needs_dna", [False, True])
def test_rows_that_are_samples(tmp_path: Path, needs_dna: bool) -> None:
    """A table whose columns are names of no known kind: only the metadata tells that it is transposed."""
    options = TableOptions(table=(write_tsv(tmp_path / "t.tsv", np.ones((3, 2)), ["x", "y", "z"], ["s1", "s2"]),))
    (tmp_path / "m.tsv").write_text("id\tage\ns1\t1\ns2\t2\n")
    words = r"t.tsv: the rows are the samples of m.tsv \(first: s1\): the table seems transposed"
    with pytest.raises(InputError, match=words):
        load_study(options, StudyOptions(metadata=tmp_path / "m.tsv"), None, None, needs_dna=needs_dna)


def test_columns_that_are_tips(tmp_path: Path) -> None:
    options = TableOptions(table=(write_tsv(tmp_path / "t.tsv", np.ones((3, 2)), ["x", "y", "z"], ["s1", "s2"]),))
    (tmp_path / "t.nwk").write_text("((x:1,y:1):1,z:2);")
    with pytest.raises(InputError, match=r"t.tsv: sample ids look like ASVs \(first: x\): the table seems transposed"):
        load_study(options, StudyOptions(tree=tmp_path / "t.nwk"), None, None, needs_dna=False)
