"""Options that cannot work, alone or together (row K3 of the matrix, for the command line)."""

from __future__ import annotations

from pathlib import Path

from tests.badinputs.cases import Words, bad_command

TRAIN = ["train", "--table", "t.biom", "--metadata", "m.tsv", "--metadata-column", "age", "--output-dir", "run"]
PRETRAIN = ["pretrain", "--table", "t.biom", "--output-dir", "run"]

# Words after those of a training -> what is said.
COMBINATIONS = {
    "range": (["--lr", "0"], "--lr must be above 0, got 0"),
    "type": (["--epochs", "ten"], "--epochs must be int, got 'ten'"),
    "long value": (["--epochs", "x" * 5000], f"--epochs must be int, got '{'x' * 56}..."),
    "digits": (["--epochs", f"-1{'0' * 400}"], "--epochs must be at least 1, got more digits than it can have"),
    "seed": (["--seed", f"1{'0' * 400}"], "--seed must be at most 4294967295, got more digits than it can have"),
    "sizes": (
        ["--test-size", "0.5", "--validation-size", "0.5"],
        "--validation-size and --test-size together must be below 1",
    ),
    "width": (
        ["--embedding-dim", "30", "--attention-heads", "4"],
        "--embedding-dim 30 is not a multiple of --attention-heads 4",
    ),
    "lowest rate": (
        ["--lr", "1e-3", "--scheduler-eta-min", "0.01"],
        "--scheduler-eta-min 0.01 is above --lr 0.001, the peak: it must be below",
    ),
    "lowest rate of plateau": (
        ["--lr", "1e-3", "--scheduler", "plateau", "--scheduler-min-lr", "0.01"],
        "--scheduler-min-lr 0.01 is above --lr 0.001, the peak: it must be below",
    ),
    "lowest rate without a cosine": (
        ["--scheduler", "plateau", "--scheduler-eta-min", "1e-5"],
        "--scheduler-eta-min needs --scheduler warmup_cosine, cosine or cosine_restarts: leave it out",
    ),
    "patience without plateau": (
        ["--scheduler-patience", "3"],
        "--scheduler-patience needs --scheduler plateau: leave it out",
    ),
    "factor without plateau": (
        ["--scheduler-factor", "0.5"],
        "--scheduler-factor needs --scheduler plateau: leave it out",
    ),
    "growth without restarts": (
        ["--scheduler-t-mult", "3"],
        "--scheduler-t-mult needs --scheduler cosine_restarts: leave it out",
    ),
    "momentum": (["--momentum", "0.5"], "--momentum needs --optimizer sgd: leave it out"),
    "root without a tree": (["--root", "midpoint"], "--root needs --tree: leave it out"),
    "tips without a tree": (["--missing-tips", "drop"], "--missing-tips needs --tree: leave it out"),
    "ids without distances": (["--distance-ids", "i.txt"], "--distance-ids needs --distances: leave it out"),
    "level without taxonomy": (["--taxonomy-level", "2"], "--taxonomy-level needs --taxonomy: leave it out"),
    "alpha": (
        ["--encoder-type", "bray_curtis", "--unifrac-alpha", "1"],
        "--unifrac-alpha needs --encoder-type generalized_unifrac: leave it out",
    ),
    "not normalised": (
        ["--no-unifrac-normalized"],
        "--no-unifrac-normalized needs --encoder-type weighted_unifrac: leave it out",
    ),
    "several": (
        ["--momentum", "0.5", "--root", "midpoint", "--class-weights", "balanced"],
        "--root needs --tree: leave it out (and 2 more: `aam check` lists them)",
    ),
    "part of a pair": (["--train-samples", "a.txt"], "--train-samples and --val-samples go together"),
    "target as covariate": (
        ["--numeric-columns", "age"],
        "'age' is the target: it cannot be a covariate as well",
    ),
    "loss of no target": (["--loss-config", '{"ph": "mae"}'], "--loss-config: 'ph' is none of the targets (age)"),
    "loss that is no JSON": (["--loss-config", "{"], "--loss-config is not JSON (<any>)"),
    "folds and a split": (["--cv", "5", "--test-size", "0.2"], "--cv makes its own folds: leave out --test-size"),
    "classes of a number": (["--class-weights", "balanced"], "--class-weights needs --classifier"),
    "frozen and nothing to freeze": (
        ["--freeze-base"],
        "--freeze-base needs --pretrained-encoder: a random encoder is not worth freezing",
    ),
}


def _register(name: str, words: Words, expected: str) -> None:
    @bad_command(f"K3 {name}", expected)
    def _(folder: Path) -> Words:
        return [*TRAIN, *words]


for _name, (_words, _expected) in COMBINATIONS.items():
    _register(_name, _words, _expected)


@bad_command("K1 option", "unknown option --lrr; did you mean --lr?")
def _(folder: Path) -> Words:
    return [*TRAIN, "--lrr", "1"]


@bad_command("K1 command", "unknown command trian; did you mean train?; `aam --help` lists the commands")
def _(folder: Path) -> Words:
    return ["trian"]


@bad_command("K1 nothing given", "--table, --metadata-column, --output-dir are required")
def _(folder: Path) -> Words:
    return ["train"]


@bad_command("K3 check without a target", "--cv needs --metadata-column: without one, pre-training is checked")
def _(folder: Path) -> Words:
    (folder / "t.biom").write_text("#OTU ID\ts1\ts2\nACGTACGTACGT\t1\t2\nCCGTACGTACGT\t1\t2\n")
    return ["check", "--table", "t.biom", "--cv", "3"]


@bad_command("K3 every penalty 0", "every penalty is 0: there is nothing to learn")
def _(folder: Path) -> Words:
    (folder / "t.biom").write_text("#OTU ID\ts1\ts2\ts3\nACGTACGTACGT\t1\t2\t3\nCCGTACGTACGT\t1\t2\t3\n")
    return [*PRETRAIN, "--penalty", "0", "--nuc-penalty", "0", "--count-penalty", "0"]
