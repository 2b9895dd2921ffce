from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aam.cli.help_text import print_help
from aam.cli.options import parse
from aam.config import TrainConfig, to_flat
from aam.config.option import fields, flag, is_switch
from aam.config.reference import default_words, value_words
from aam.config.registry import COMMANDS
from aam.errors import ConfigError, InputError
from aam.runs.saved_options import config_text, training_config

FROZEN = Path(__file__).with_name("options.txt")
REQUIRED = {
    "table": ["t.biom"],
    "metadata": "m.tsv",
    "metadata_column": "age",
    "learners": "network",
    "output_dir": "runs/age",
}
FLAGS = ["--table", "t.biom", "--metadata", "m.tsv", "--metadata-column", "age", "--output-dir", "runs/age"]
FLAGS += ["--learners", "network"]


def train(*words: str) -> dict[str, Any]:
    """The flat configuration of a training with these further words."""
    return to_flat(parse("train", [*FLAGS, *words]).config)


def from_file(path: Path, text: str, *words: str, command: str = "train") -> dict[str, Any]:
    """The flat configuration of a command with these lines in a file."""
    path.write_text(text)
    return to_flat(parse(command, ["--config", str(path), *words]).config)


def declared() -> Iterator[str]:
    """A line for each option of each command."""
    for command, described in COMMANDS.items():
        for _, field, hint in fields(described.config):
            names = [field.name, *([field.metadata["alias"]] if field.metadata["alias"] else [])]
            words = [" ".join(map(flag, names)), value_words(hint) or "switch", default_words(field)]
            yield f"{command} {' | '.join(words)}".rstrip(" |")


def test_the_options_are_frozen() -> None:
    """A new option, or another default, is a decision: write it into options.txt as well."""
    assert list(declared()) == FROZEN.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_every_option(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_help(command, all_options=True)
    said = capsys.readouterr().out
    for _, field, hint in fields(COMMANDS[command].config):
        assert flag(field.name) in said
        if field.metadata["alias"]:
            assert flag(field.metadata["alias"]) in said
        if is_switch(hint):
            assert flag(f"no_{field.name}") in said
    assert "--config" in said
    assert "--print-config" in said


def test_help_shows_groups_defaults_choices_and_limits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    print_help("train", all_options=True)
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "Optimisation: optimiser, learning rate and schedule.",
        "--weight-decay NUMBER Weight decay (not of biases, norms and scales). [>= 0; default: 0.01]",
        "[>= 0; derived: 5% of all steps, at most 1,000]",
        "--device auto|cpu|cuda",
        "warmup_cosine, cosine, cosine_restarts, plateau, onecycle, none; default: warmup_cosine",
        "[required]",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--rarefy-depth", "none"], "rarefy_depth", "none"),
        (["--rarefy-depth", "500"], "rarefy_depth", 500),
        (["--rarefy-depth=auto"], "rarefy_depth", "auto"),
        (["--classifier", "--class-weights", "balanced"], "class_weights", "balanced"),
        (["--classifier", "--class-weights", "1,2.5"], "class_weights", [1.0, 2.5]),
        (["--missing", "unknown"], "missing", ["unknown"]),
        (["--missing", "unknown, not said", "--missing", "x"], "missing", ["unknown", "not said", "x"]),
        (["--table", "b,c.biom"], "table", ["t.biom", "b,c.biom"]),
        (["--unifrac-matrix", "u.npy"], "distances", "u.npy"),
        (["--val-size", "0.3"], "validation_size", 0.3),
        (["--lr", "1e-4"], "lr", 1e-4),
        (["--batch-size", "7"], "batch_size", 7),
        (["--no-progress"], "progress", False),
        (["--classifier"], "classifier", True),
        ([], "auto_batch_size", None),
        (["--auto-batch-size"], "auto_batch_size", True),
        (["--no-auto-batch-size"], "auto_batch_size", False),
        (["--gradient-checkpointing"], "gradient_checkpointing", True),
        (["--where", "ph < 7 AND site == 'a'"], "where", "ph < 7 AND site == 'a'"),
        (["--encoder-type", "combined"], "encoder_type", "combined"),
        ([], "learners", ["network"]),
        (["--learners", "forest,kernels"], "learners", ["network", "forest", "kernels"]),
        (["--pretrained-encoder", "small"], "pretrained_encoder", "small"),
    ],
)
def test_flags(words: list[str], name: str, value: object) -> None:
    assert train(*words)[name] == value


@pytest.mark.parametrize(("text", "value"), [("0.3", 0.3), ("sqrt", "sqrt"), ("log2", "log2"), ("", None)])
def test_max_features(text: str, value: object) -> None:
    words = ["--table", "t", "--metadata", "m", "--metadata-column", "age", "--output", "o", "--max-features", text]
    assert parse("rf-baseline", words).config.forest.max_features == value


def test_negative_numbers_are_values() -> None:
    words = ["--table", "t", "--metadata", "m", "--metadata-column", "age", "--output", "o", "--n-jobs", "-1"]
    assert parse("rf-baseline", words).config.forest.n_jobs == -1


def test_a_path_may_stand_alone() -> None:
    assert parse("info", ["x.biom"]).config.info.path == parse("info", ["--path", "x.biom"]).config.info.path


def test_flag_wins_over_file_and_file_over_default(tmp_path: Path) -> None:
    flat = from_file(tmp_path / "run.yaml", "lr: 0.5\nepochs: 7\n", *FLAGS, "--epochs", "9")
    assert (flat["lr"], flat["epochs"], flat["seed"]) == (0.5, 9, 42)


def test_either_spelling_and_aliases_in_a_file(tmp_path: Path) -> None:
    flat = from_file(tmp_path / "run.yaml", "batch-size: 3\nwarmup_steps: 5\nval-size: 0.4\n", *FLAGS)
    assert (flat["batch_size"], flat["warmup_steps"], flat["validation_size"]) == (3, 5, 0.4)


@pytest.mark.parametrize("command", COMMANDS)
def test_configuration_reads_back(command: str, tmp_path: Path) -> None:
    needed = {"table": "t", "metadata": "m", "metadata_column": "a", "output_dir": "o", "output": "p", "model": "x"}
    needed |= {"path": "x", "suite": "s", "folders": "d", "repository": "lab/age"}
    known = {field.name for _, field, _ in fields(COMMANDS[command].config)}
    words = [word for name, value in needed.items() if name in known for word in (flag(name), value)]
    words += ["--runs", "a", "--runs", "b"] if "runs" in known else []
    config = parse(command, words).config
    path = tmp_path / "run.yaml"
    path.write_text(config_text(command, config))
    assert parse(command, ["--config", str(path)]).config == config


K_CASES = [
    ("K1 unknown key", "lrr: 1\n", "run.yaml: unknown key lrr; did you mean lr?"),
    ("K2 wrong type", "epochs: ten\n", "run.yaml: epochs must be a whole number, got 'ten'"),
    ("K2 literal", "device: gpu\n", "run.yaml: device must be 'auto' or 'cpu' or 'cuda', got 'gpu'"),
    ("K2 list for a number", "lr: [1, 2]\n", "run.yaml: lr must be a number, got ['1', '2']"),
    ("K2 not finite", "lr: inf\n", "run.yaml: lr must be a number, got 'inf'"),
    ("K2 nothing", "dropout:\n", "run.yaml: dropout must be a number, got None"),
    ("K3 out of range", "test_size: 1.5\n", "run.yaml: test_size must be below 1, got 1.5"),
    ("K3 two names", "distances: a\nunifrac-matrix: b\n", "run.yaml: unifrac-matrix is another name of distances"),
    ("K4 repeated", "lr: 1\nseed: 1\nlr: 2\n", "run.yaml: line 3: key 'lr' repeated"),
    (
        "K4 repeated in the other spelling",
        "batch_size: 1\nbatch-size: 2\n",
        "run.yaml: line 2: key 'batch-size' repeated",
    ),
    ("K4 tab", "lr: 1\n\tseed: 2\n", "run.yaml: line 2: found character '\\t'"),
    ("K4 object", "lr: !!python/object/apply:os.system ['true']\n", "run.yaml: line 1: tags (tag:yaml.org,2002:"),
    ("K4 anchors", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "run.yaml: line 1: anchors and aliases"),
    ("K4 deep", "lr: " + "[" * 10_000 + "\n", "run.yaml: line 1: values are nested too deeply"),
    ("K4 nested", "model:\n  lr: 1\n", "run.yaml: line 2: expected a value, got a mapping"),
    ("K4 list", "- lr\n", "run.yaml: holds no options"),
    ("K4 two documents", "lr: 1\n---\nlr: 2\n", "run.yaml: line 2: but found another document"),
    ("K4 not YAML", "lr: 'x\n", "run.yaml: line 2: found unexpected end of stream"),
    ("K4 control character", "lr: \x07\n", "run.yaml: "),
    ("K4 blank", "\n", "run.yaml: holds no options"),
    ("K4 empty", "", "run.yaml: the file is empty"),
    ("K4 large", "# " + "x" * (1 << 20) + "\n", "run.yaml: has more than 1,048,576 bytes"),
    ("another command", "command: predict\n", "run.yaml: is a configuration of `aam predict`, not of `aam train`"),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in K_CASES], ids=[case[0] for case in K_CASES])
def test_bad_files(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        from_file(tmp_path / "run.yaml", text, *FLAGS)
    assert str(caught.value).startswith(expected)
    assert str(caught.value).isprintable()


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"none\.yaml: no such file"):
        parse("train", ["--config", "none.yaml"])


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("lr: 1e-3", "lr", 1e-3),
        ("lr: 1E-3", "lr", 1e-3),
        ("epochs: 012", "epochs", 12),
        ("metadata_column: no", "metadata_column", ["no"]),
        ("metadata_column: 2012-01-01", "metadata_column", ["2012-01-01"]),
        ("metadata_column: 0012", "metadata_column", ["0012"]),
        ("metadata_column: 'null'", "metadata_column", ["null"]),
        ("classifier: off", "classifier", False),
        ("classifier: yes", "classifier", True),
        ("progress: False", "progress", False),
        ("scheduler: none", "scheduler", "none"),
        ("missing: [no, '-', 1:30]", "missing", ["no", "-", "1:30"]),
        ("missing: unknown", "missing", ["unknown"]),
        ("table: a,b.biom", "table", ["a,b.biom"]),
        ("group_column: ~", "group_column", None),
        ("batch_size: null", "batch_size", None),
        ("auto_batch_size: null", "auto_batch_size", None),
        ("auto_batch_size: off", "auto_batch_size", False),
        ("rarefy_depth: 500", "rarefy_depth", 500),
    ],
)
def test_text_is_read_as_the_type_of_the_option(text: str, name: str, value: object, tmp_path: Path) -> None:
    lines = {key: f"{key}: {shown}" for key, shown in REQUIRED.items()}
    lines[name] = text
    assert from_file(tmp_path / "run.yaml", "\n".join(lines.values()))[name] == value


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    """A run directory with a configuration that is not all defaults."""
    config = parse("train", [*FLAGS, "--epochs", "7", "--lr", "0.5"]).config
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(config_text("train", config))
    return folder


def test_resuming_needs_no_other_flag(old_run: Path) -> None:
    config = parse("train", ["--resume-from", str(old_run)]).config
    assert isinstance(config, TrainConfig)
    assert (config.optim.epochs, config.optim.lr) == (7, 0.5)
    assert config.run.output_dir == config.run.resume_from == old_run


def test_a_run_of_before_there_were_blends_is_the_networks(old_run: Path) -> None:
    path = old_run / "config.yaml"
    path.write_text(path.read_text().replace("learners:\n- network\nfine_tune: false\n", ""))
    assert "network" not in path.read_text()
    assert parse("train", ["--resume-from", str(old_run)]).config.learners.is_network_alone
    assert training_config(path).optim.epochs == 7


def test_resuming_takes_flags_that_say_the_same(old_run: Path) -> None:
    same = parse("train", ["--resume-from", str(old_run), "--epochs", "7", "--seed", "42", "--no-progress"]).config
    assert not same.run.progress
    with pytest.raises(ConfigError, match=r"--output-dir \S+ -> elsewhere, --seed 42 -> 8 differ from the run's"):
        parse("train", ["--resume-from", str(old_run), "--seed", "8", "--lr", "0.5", "--output-dir", "elsewhere"])


def test_resuming_with_more_epochs(old_run: Path) -> None:
    config = parse("train", ["--resume-from", str(old_run), "--epochs", "8"]).config
    assert (config.optim.epochs, config.optim.lr) == (8, 0.5)


def test_resuming_what_is_not_there(tmp_path: Path, old_run: Path) -> None:
    with pytest.raises(InputError, match="there is no run to resume"):
        parse("train", ["--resume-from", str(tmp_path / "none")])
    with pytest.raises(InputError, match=r"config\.yaml: is a configuration of `aam train`, not of `aam pretrain`"):
        parse("pretrain", ["--resume-from", str(old_run)])
