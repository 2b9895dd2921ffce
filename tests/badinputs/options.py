"""Options that cannot work, alone or together (row K3 of the matrix, for the command line)."""

from __future__ import annotations

from pathlib import Path

from tests.badinputs.cases import Words, bad_command_rows
from tests.badinputs.tables import ASVS

TRAIN = ["train", "--table", "t.biom", "--metadata", "m.tsv", "--metadata-column", "age", "--output-dir", "run"]
TRAIN += ["--learners", "network"]
PRETRAIN = ["pretrain", "--table", "t.biom", "--output-dir", "run"]


def train(folder: Path, *words: str) -> Words:
    return [*TRAIN, *words]


def with_samples(folder: Path, number: int, words: Words) -> Words:
    """A command on a table ``t.biom`` of two ASVs."""
    counts = range(1, number + 1)
    rows = [["#OTU ID", *(f"s{n}" for n in counts)], *([asv, *map(str, counts)] for asv in ASVS[:2])]
    (folder / "t.biom").write_text("".join("\t".join(row) + "\n" for row in rows))
    return words


# fmt: off
bad_command_rows(
    ("K3 range", "--lr must be above 0, got 0", train, "--lr", "0"),
    ("K3 type", "--epochs must be a whole number, got 'ten'", train, "--epochs", "ten"),
    ("K3 long value", f"--epochs must be a whole number, got '{'x' * 56}...", train, "--epochs", "x" * 5000),
    ("K3 digits", "--epochs must be at least 1, got more digits than it can have", train, "--epochs", f"-1{'0' * 400}"),
    ("K3 seed", "--seed must be at most 4294967295, got more digits than it can have",
     train, "--seed", f"1{'0' * 400}"),
    ("K3 sizes", "--validation-size and --test-size together must be below 1",
     train, "--test-size", "0.5", "--validation-size", "0.5"),
    ("K3 width", "--embedding-dim 30 is not a multiple of --attention-heads 4",
     train, "--embedding-dim", "30", "--attention-heads", "4"),
    ("K3 lowest rate", "--scheduler-eta-min 0.01 is above --lr 0.001, the peak: it must be below",
     train, "--lr", "1e-3", "--scheduler-eta-min", "0.01"),
    ("K3 lowest rate of plateau", "--scheduler-min-lr 0.01 is above --lr 0.001, the peak: it must be below",
     train, "--lr", "1e-3", "--scheduler", "plateau", "--scheduler-min-lr", "0.01"),
    ("K3 lowest rate without a cosine",
     "--scheduler-eta-min needs --scheduler warmup_cosine, cosine or cosine_restarts: leave it out",
     train, "--scheduler", "plateau", "--scheduler-eta-min", "1e-5"),
    ("K3 patience without plateau", "--scheduler-patience needs --scheduler plateau: leave it out",
     train, "--scheduler-patience", "3"),
    ("K3 factor without plateau", "--scheduler-factor needs --scheduler plateau: leave it out",
     train, "--scheduler-factor", "0.5"),
    ("K3 growth without restarts", "--scheduler-t-mult needs --scheduler cosine_restarts: leave it out",
     train, "--scheduler-t-mult", "3"),
    ("K3 momentum", "--momentum needs --optimizer sgd: leave it out", train, "--momentum", "0.5"),
    ("K3 root without a tree", "--root needs --tree: leave it out", train, "--root", "midpoint"),
    ("K3 tips without a tree", "--missing-tips needs --tree: leave it out", train, "--missing-tips", "drop"),
    ("K3 ids without distances", "--distance-ids needs --distances: leave it out", train, "--distance-ids", "i.txt"),
    ("K3 level without taxonomy", "--taxonomy-level needs --taxonomy: leave it out", train, "--taxonomy-level", "2"),
    ("K3 alpha", "--unifrac-alpha needs --encoder-type generalized_unifrac: leave it out",
     train, "--encoder-type", "bray_curtis", "--unifrac-alpha", "1"),
    ("K3 not normalised", "--no-unifrac-normalized needs --encoder-type weighted_unifrac: leave it out",
     train, "--no-unifrac-normalized"),
    ("K3 several", "--root needs --tree: leave it out (and 2 more: `aam check` lists them)",
     train, "--momentum", "0.5", "--root", "midpoint", "--class-weights", "balanced"),
    ("K3 part of a pair", "--train-samples and --val-samples go together", train, "--train-samples", "a.txt"),
    ("K3 target as covariate", "'age' is the target: it cannot be a covariate as well",
     train, "--numeric-columns", "age"),
    ("K3 loss of no target", "--loss-config: 'ph' is not one of the targets (age)",
     train, "--loss-config", '{"ph": "mae"}'),
    ("K3 loss that is no JSON", "--loss-config is not JSON (<any>)", train, "--loss-config", "{"),
    ("K3 folds and a split", "--cv makes its own folds: leave out --test-size",
     train, "--cv", "5", "--test-size", "0.2"),
    ("K3 classes of a number", "--class-weights needs --classifier or --ordered", train, "--class-weights", "balanced"),
    ("K3 mixed levels",
     "--augment mixup mixes targets, and ordered classes cannot be mixed: take drop, contaminate or depth",
     train, "--ordered", "low,high", "--learners", "network", "--augment", "mixup=0.5"),
    ("K3 mixed columns",
     "--augment mixup mixes targets, and several columns of classes cannot be mixed: take drop, contaminate or depth",
     train, "--metadata-column", "b", "--classifier", "--learners", "network", "--augment", "mixup=0.5"),
    ("K3 quantiles in a blend",
     "--loss-type quantile is for a network that is not blended: the other learners give one number",
     train, "--learners", "forest,network", "--loss-type", "quantile"),
    ("K3 balanced numbers", "--balance-by class needs --classifier or --ordered",
     train, "--learners", "network", "--balance-by", "class"),
    ("K3 frozen and nothing to freeze",
     "--freeze-base needs --pretrained-encoder: a randomly initialised encoder should not be frozen",
     train, "--freeze-base"),
    ("K1 option", "unknown option --lrr; did you mean --lr?", train, "--lrr", "1"),
    ("K1 command", "unknown command trian; did you mean train?; `aam --help` lists the commands",
     lambda folder: ["trian"]),
    ("K1 nothing given", "--table, --metadata-column, --output-dir are required", lambda folder: ["train"]),
    ("K3 check without a target", "--cv needs --metadata-column: without one, pre-training is checked",
     with_samples, 2, ["check", "--table", "t.biom", "--cv", "3"]),
    ("K3 every penalty 0", "every penalty is 0: there is nothing to learn",
     with_samples, 3, [*PRETRAIN, "--penalty", "0", "--nuc-penalty", "0", "--count-penalty", "0"]),
)
# fmt: on
