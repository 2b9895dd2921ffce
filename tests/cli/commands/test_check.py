from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aam.cli.main import main
from aam.cli.options import parse
from aam.config.commands.simulate import SimulateOptions
from aam.data.readers.strand import reverse_complement
from aam.simulation.study import simulate_study
from tests.data.study_files import write_sheet, write_study, write_table
from tests.factories import random_sequences


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("check") / "study"
    sizes = {"samples": 40, "asvs": 60, "asvs_per_sample": 20.0, "reads": 1000, "sequence_length": 60}
    simulate_study(SimulateOptions(output_dir=folder, progress=False, **sizes))  # type: ignore[arg-type]
    return folder


UNTIMED = "--no-estimate-time"


def words(study: Path, *more: str) -> list[str]:
    return ["check", "--table", str(study / "table.biom"), *more]


def with_target(study: Path, *more: str) -> list[str]:
    files = ["--tree", str(study / "tree.nwk"), "--metadata", str(study / "metadata.tsv")]
    return words(study, *files, "--learners", "network", "--metadata-column", "gradient", *more)


def test_a_sound_study(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sized = ["--group-column", "subject", "--test-size", "0.2", "--rarefy-depth", "500"]
    assert main(with_target(study, *sized, "--verbose")) == 0
    said = capsys.readouterr().out
    for expected in (
        "fewer than 500 reads",
        "500 reads are drawn from each",
        "learn 'gradient', a number",
        "--batch-size 8",
        "weights, and batches of 8 samples with up to ",
        "memory: batch 8 x accumulate 1 = 8; expected ",
        "take at most ",
        "100 epochs of ",
        "No problem found. Next:",
    ):
        assert expected in said
    split = next(line for line in said.splitlines() if line.startswith("split: "))
    assert [part.split()[1] for part in split.removeprefix("split: ").split(", ")] == ["train", "validation", "test"]


def test_the_next_command_is_one_that_train_accepts(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--metadata-column", "group", "--classifier", "--no-stratify", "--missing", "a,b c", "--batch-size", "4"]
    assert main([*with_target(study)[:-2], *more, UNTIMED]) == 0
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert command[:2] == ["aam", "train"]
    config = parse("train", command[2:]).config
    assert (config.target.metadata_column[0], config.target.classifier, config.target.missing) == (
        "group",
        True,
        ("a", "b c"),
    )
    assert (config.split.stratify, config.optim.batch_size) == (False, 4)
    assert config.study.tree == study / "tree.nwk"


def test_without_a_target_it_is_pretraining(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(study, "--verbose", UNTIMED)) == 0
    said = capsys.readouterr().out
    assert "pre-train an encoder" in said
    assert "--encoder-type bray_curtis (no tree is given)" in said
    command = shlex.split(said.splitlines()[-1])
    assert command[:2] == ["aam", "pretrain"]
    assert parse("pretrain", command[2:]).config.table.table == (study / "table.biom",)


def test_samples_left_out_are_told(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = (study / "metadata.tsv").read_text().splitlines()
    (tmp_path / "part.tsv").write_text("\n".join(sheet[:-10]) + "\n")
    assert main(words(study, "--metadata", str(tmp_path / "part.tsv"))) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("Metadata")]
    assert line.split()[1:3] == ["30", "10"]
    assert "not in part.tsv" in line


def test_every_problem_is_listed(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tree.nwk").write_text("(a:1,b:-1);")
    sheet = ["--metadata", str(study / "metadata.tsv"), "--metadata-column", "gradien"]
    assert main(words(study, "--tree", str(tmp_path / "tree.nwk"), *sheet)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.splitlines()
    assert len(lines) == len(set(lines)) >= 2
    assert all(line.startswith("error: ") for line in lines)
    assert any("no column 'gradien'; did you mean 'gradient'?" in line for line in lines)
    assert any("tree.nwk" in line and "negative" in line for line in lines)


def problems(words: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that `aam check` ends with."""
    assert main(["check", *words]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = [line.removeprefix("error: ") for line in output.err.splitlines()]
    assert all(len(line) < 200 for line in lines)
    return lines


def assert_each_once(expected: list[str], found: list[str]) -> None:
    """Each problem has a line, and there is no other line."""
    for said in expected:
        assert sum(said in line for line in found) == 1, (said, found)
    assert len(found) == len(expected)


def test_eight_files_and_options_that_are_wrong_are_eight_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        "t.tsv": ("--table", "#OTU ID\ts1\ts2\nACGTACGTACGT\t1\n"),
        "s.fasta": ("--sequences", "ACGT"),
        "t.nwk": ("--tree", "((A:-1,B:1):1,C:1);"),
        "u.tsv": ("--distances", "\ts1\ts2\ns1\t0\t0.5\ns2\t0.4\t0\n"),
        "m.tsv": ("--metadata", "sample-id\tage\ns1\t1\ns1\t2\n"),
        "x.tsv": ("--taxonomy", "a\td__Bacteria\n"),
        "a.txt": ("--train-samples", "s1\ns1\n"),
        "b.txt": ("--val-samples", "s2\n"),
    }
    words = ["--learners", "network", "--metadata-column", "age", "--momentum", "0.5"]
    for name, (option, content) in files.items():
        (tmp_path / name).write_text(content)
        words += [option, name]
    assert problems(words, capsys) == [
        "--momentum needs --optimizer sgd: leave it out",
        "s.fasta: not FASTA (starts with 'ACGT'); sequences start with a '>' line",
        "t.tsv: line 2 has 2 cells, the header has 3; every line needs an ASV id and a count for each sample",
        "m.tsv: duplicate sample id 's1' (lines 2 and 3); each may occur only once",
        "t.nwk: 1 branch is negative (largest -1); --clip-negative-branches sets them to 0",
        "u.tsv: not symmetric (s1,s2: 0.5 and 0.4); are these distances?",
        "x.tsv: not a taxonomy (no header with 'Feature ID' and 'Taxon'; starts with 'a?d__Bacteri'); "
        "tabs are needed between the columns",
        "a.txt: duplicate id 's1' (2 times); each may occur only once",
    ]


def test_sound_files_that_do_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path)
    ids = [f"s{i:02d}" for i in range(12)]
    place = np.random.default_rng(1).random(12)
    rows = [[name, *map(str, row)] for name, row in zip(ids, np.abs(place[:, None] - place), strict=True)]
    write_sheet(tmp_path / "u.tsv", ["", *ids], rows)
    (tmp_path / "a.txt").write_text("\n".join(ids[:8]))
    (tmp_path / "b.txt").write_text("\n".join([*ids[8:], "nobody"]))
    (tmp_path / "x.tsv").write_text("Feature ID\tTaxon\nb\td__Bacteria\n")
    files = ["--table", "table.tsv", "--metadata", "metadata.tsv", "--tree", "tree.nwk", "--distances", "u.tsv"]
    more = ["--taxonomy", "x.tsv", "--train-samples", "a.txt", "--val-samples", "b.txt", "--rarefy-depth", "100000"]
    columns = [
        "--learners",
        "network",
        "--metadata-column",
        "age",
        "--metadata-column",
        "site",
        "--categorical-columns",
        "weight,gone",
    ]
    found = problems([*files, *more, *columns, "--scheduler-eta-min", "1", "--numeric-columns", "subject"], capsys)
    expected = [
        "column 'site' is not numeric",
        "no sample has 100,000 reads",
        "u.tsv: disagrees with the tree",
        "x.tsv: none of 20 ASVs is in it",
        "no column 'gone'",
        "b.txt: 1 of 5 samples not in the table (first: nobody)",
        "column 'weight' has one level ('1.5')",
        "column 'subject' is not numeric",
        "--scheduler-eta-min 1 is above --lr 0.0003",
    ]
    assert_each_once(expected, found)


def test_every_mistake_of_a_configuration_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.yaml").write_text("lrr: 1\nepochs: ten\ntest_size: 1.5\n")
    assert problems(["--config", str(tmp_path / "run.yaml")], capsys) == [
        "run.yaml: unknown key lrr; did you mean lr?",
        "run.yaml: epochs must be a whole number, got 'ten'",
        "run.yaml: test_size must be below 1, got 1.5",
    ]
    many = ["--test-size", "0.5", "--validation-size", "0.5", "--embedding-dim", "30", "--quantiles", "0.5"]
    found = problems(["--table", "t", *many], capsys)
    assert len(found) == 4
    assert found[-1].startswith("t: no such file; ")


def test_unreadable_options_do_not_hide_problems_of_files(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tree.nwk").write_text("(a:1,b:-1);")
    (tmp_path / "run.yaml").write_text("lrr: 1\ntrain_samples: gone.txt\nval_samples: gone.txt\n")
    files = ["--tree", str(tmp_path / "tree.nwk"), "--metadata", str(study / "metadata.tsv")]
    wrong = ["--lrr", "1", "--epochs", "ten", "--embeding-dim=8", "--metadata-column", "gradien"]
    together = ["--embedding-dim", "30", "--rarefy-depth", "many"]
    config = ["--config", str(tmp_path / "run.yaml")]
    found = problems([*words(study)[1:], *config, *files, *wrong, *together], capsys)
    expected = [
        "run.yaml: unknown key lrr; did you mean lr?",
        "unknown option --lrr; did you mean --lr?",
        "unknown option --embeding-dim; did you mean --embedding-dim?",
        "--epochs must be a whole number, got 'ten'",
        "--rarefy-depth must be ",
        "tree.nwk: 1 branch is negative (largest -1)",
        "no column 'gradien'; did you mean 'gradient'?",
        "gone.txt: ",
    ]
    assert_each_once(expected, found)


def test_unreadable_options_cause_no_further_problems(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = ["--metadata", str(study / "metadata.tsv"), "--metadata-column", "gradient"]
    more = ["--scheduler", "platau", "--scheduler-patience", "3", "--rarefy-depth", "1e", "--momentum", "0.5"]
    first, second = sorted(problems([*words(study)[1:], *sheet, *more], capsys))
    assert first.startswith("--rarefy-depth must be ")
    assert second.startswith("--scheduler must be ")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--tree"], "--tree needs a value"),
        (["--lr", "1", "--lr", "2"], "--lr is given twice"),
        (["stray"], "'stray' belongs to no option of aam check; an option that takes several values is repeated"),
        (["--print-config", "--epochs", "ten"], "--epochs must be a whole number, got 'ten'"),
        (["--epochs", "ten", "--tree", "gone.nwk"], "--epochs must be a whole number, got 'ten'"),
    ],
)
def test_options_that_leave_nothing_to_read(more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert problems(more, capsys) == [said]


def test_it_takes_all_that_a_run_takes(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--categorical-columns", "group", "--metadata-column", "gradient_true", "--ensemble", "2", "--cv", "3"]
    assert main(with_target(study, *told, "--group-column", "subject", UNTIMED)) == 0
    said = capsys.readouterr().out
    for expected in (
        "learn 'gradient', a number",
        "learn 'gradient_true', a number",
        "cross-validate in 3 folds",
        "train 2 models and average them",
        "use as input group: 3 levels (group_1, group_2, group_3)",
    ):
        assert expected in said
    command = shlex.split(said.splitlines()[-1])
    config = parse("train", command[2:]).config
    assert config.target.metadata_column == ("gradient", "gradient_true")
    assert (config.evaluation.cv, config.evaluation.ensemble) == (3, 2)
    assert config.covariates.categorical_columns == ("group",)


def blend(study: Path, *more: str) -> list[str]:
    files = ["--metadata", str(study / "metadata.tsv"), "--metadata-column", "gradient", "--group-column", "subject"]
    return words(study, *files, *more)


def test_the_members_of_a_blend(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(blend(study, "--test-size", "0.2", "--pretrained-encoder", "none")) == 0
    said = capsys.readouterr().out
    for expected in (
        "split: 32 train, 8 test",
        "rarefaction: all reads are used",
        "blend 8 learners:",
        "    random forest on ASVs\n",
        "leave out the extra trees on clades of the phylogeny: needs --tree",
        "weight them by predictions of 32 samples in 5 folds, whole groups together (8 groups)",
        "need about 600 MB of memory",
    ):
        assert expected in said
    assert not {"batch", "weights", "epoch"} & set(said.split())
    assert main(blend(study, "--tree", str(study / "tree.nwk"), "--learners", "trees", "--cv", "4")) == 0
    said = capsys.readouterr().out
    assert "blend 2 learners:" in said
    assert "cross-validate in 4 folds" in said
    assert "leave out" not in said


def test_a_check_says_how_long_a_blend_takes(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(blend(study, "--cv", "3")) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  take about ")]
    assert line.endswith(" on this machine, measured on first steps")
    assert main(blend(study, "--verbose", "--learners", "forest,jaccard", "--cv", "2")) == 0
    said = capsys.readouterr().out
    assert "random forest on ASVs: about " in said
    assert main(blend(study, UNTIMED)) == 0
    assert "on this machine" not in capsys.readouterr().out


def test_derived_values_are_for_those_who_ask(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(with_target(study, UNTIMED)) == 0
    assert "set --" not in capsys.readouterr().out


def test_a_network_in_a_blend_is_checked_too(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(blend(study, "--fine-tune", "--epochs", "3", UNTIMED)) == 0
    assert "    network\n" in capsys.readouterr().out
    assert problems(blend(study, "--fine-tune", "--best-metric", "auroc")[1:], capsys)[0].startswith("--best-metric")
    assert problems(blend(study, "--pretrained-encoder", "gone")[1:], capsys)[0].startswith("gone: no model found")


@pytest.mark.parametrize("command", ["train", "pretrain"])
def test_the_configuration_of_a_run(
    study: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = with_target(study)[1:] if command == "train" else words_of_table(study)
    assert main([command, *words, "--output-dir", "mine", "--print-config"]) == 0
    (tmp_path / "run.yaml").write_text(capsys.readouterr().out)
    assert main(["check", "--config", str(tmp_path / "run.yaml")]) == 0
    last = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert last[:2] == ["aam", command]
    assert str(parse(command, last[2:]).config.run.output_dir) == "mine"


def words_of_table(study: Path) -> list[str]:
    return words(study)[1:]


def test_a_pretrained_encoder_that_is_not_there(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = problems([*with_target(study)[1:], "--pretrained-encoder", "gone", "--numeric-columns", "ph"], capsys)
    assert found[0].startswith("gone: no model found")
    assert "no column 'ph'" in found[1]
    assert len(found) == 2


def test_what_has_begun_is_not_checked(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert problems([*words_of_table(study), "--resume-from", "run"], capsys) == [
        "--resume-from continues a run whose inputs were checked when it began: leave it out"
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--group-column", "batch"], "column 'batch' has 1 group"),
        (["--group-column", "nothing"], "no column 'nothing'"),
        (["--classifier"], "1 sample"),
        (["--cv", "30", "--group-column", "subject"], "30 folds"),
        (["--encoder-type", "taxonomy"], "--encoder-type taxonomy needs --taxonomy"),
        (["--best-metric", "auroc"], "--best-metric auroc is not measured in this run"),
        (["--numeric-columns", "group"], "column 'group' is not numeric"),
        (["--sample-weight-column", "batch"], "column 'batch' is not numeric"),
        (["--categorical-loss-weights", '{"x": 2}', "--categorical-columns", "group"], "has no level 'x'"),
    ],
)
def test_what_only_a_run_would_meet(
    study: Path, more: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(with_target(study, *more)) == 2
    assert expected in capsys.readouterr().err


def test_a_target_needs_a_sample_sheet(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(study, "--metadata-column", "gradient")) == 2
    assert capsys.readouterr().err == "error: --metadata is required: the metadata holds the column to predict\n"


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--categorical-columns", "group", "--cv", "3", "--group-column", "subject"],
        ["--learners", "auto"],
    ],
)
def test_it_starts_without_torch(study: Path, more: list[str]) -> None:
    heavy = ("torch", "lightning", "sklearn", "pandas", "skbio", "biom", "matplotlib")
    code = (
        f"import sys\nfrom aam.cli.main import main\nassert main({with_target(study, UNTIMED, *more)!r}) == 0\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_tables_of_two_strands_are_no_matter_of_course(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asvs = random_sequences(6, length=40)
    counts = np.arange(1, 13).reshape(2, 6)
    write_table(tmp_path / "a.tsv", counts, ["s1", "s2"], asvs)
    write_table(tmp_path / "b.tsv", counts, ["s3", "s4"], [reverse_complement(asv) for asv in asvs])
    tables = ["check", "--table", str(tmp_path / "a.tsv"), "--table", str(tmp_path / "b.tsv")]
    assert main(tables) == 0
    said = capsys.readouterr().out
    assert "a.tsv and b.tsv share 0 of 12 ASVs" in said
    assert "warning: b.tsv is on the other strand, compared with a.tsv" in said
    assert "No error found, but mind what the warning says. Next:" in said
    assert main([*tables, "--reverse-complement", "auto"]) == 0
    said = capsys.readouterr().out
    assert "a.tsv and b.tsv share 6 of 6 ASVs" in said
    assert "warning" not in said
    assert "No problem found. Next:" in said
