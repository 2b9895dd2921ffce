"""Bad configuration files (rows K of the matrix)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aam.cli.options import parse
from aam.config import to_flat
from tests.badinputs.cases import Read, bad, bad_rows, odd

FLAT = "the file is flat: one `name: value` per line"
FLAGS = ["--table", "t.biom", "--metadata", "m.tsv", "--metadata-column", "age", "--output-dir", "run"]


def config(folder: Path, content: str | bytes, command: str = "train") -> Read:
    path = folder / "run.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return lambda: parse(command, [*FLAGS, "--config", str(path)]).config


def with_values(folder: Path, content: str, **expected: Any) -> Read:
    """What reads a file, and fails if the options get other values."""
    read = config(folder, content)

    def act() -> object:
        found = read()
        values = to_flat(found)
        assert {name: values[name] for name in expected} == expected
        return found

    return act


@bad(
    "K4 billion laughs",
    "run.yaml: line 1: anchors and aliases (& and *) are not accepted; write the value out",
)
def _(folder: Path) -> Read:
    lines = [
        "a: &a [x, x]",
        *(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    ]
    return config(folder, "\n".join(lines))


@odd("K5 numbers and words that YAML would take for something else")
def _(folder: Path) -> Read:
    content = (
        "learners: network\nlr: 1e-3\nreport: no\nforest_baseline: off\nmetadata_column: 0012\n"
        "missing: [no, 'null', 1e5]\nbatch-size: ~\n"
    )
    flags = {"lr": 0.001, "report": False, "forest_baseline": False, "batch_size": None}
    return with_values(folder, content, **flags, missing=["no", "null", "1e5"])


@odd("K5 BOM, CRLF, comments and a list over lines")
def _(folder: Path) -> Read:
    content = "\ufeff# mine\r\nlearners: network\r\nquantiles:  # three\r\n- 0.1\r\n- 0.5\r\nloss_type: quantile\r\n"
    return with_values(folder, content, quantiles=[0.1, 0.5])


# fmt: off
bad_rows(
    ("K0 no such file", "none.yaml: no such file; is the path right? Files are read from disk only",
     lambda folder: lambda: parse("train", ["--config", str(folder / "none.yaml")])),
    ("K0 empty", "run.yaml: the file is empty", config, ""),
    ("K0 comments", f"run.yaml: holds no options; {FLAT}", config, "# nothing\n"),
    ("K0 a list", f"run.yaml: holds no options; {FLAT}", config, "- lr\n- epochs\n"),
    ("K0 binary", "run.yaml: not UTF-8 (byte 0xff at 0: looks like UTF-16); save it as UTF-8",
     config, "lr: 1".encode("utf-16")),
    ("K0 NUL", "run.yaml: line 1 has a NUL character; the file is damaged or is not text", config, "lr: \0"),
    ("K0 huge", "run.yaml: has more than 1,048,576 bytes; is it a configuration?", config, "# x\n" * (1 << 19)),
    ("K0 another command's", "run.yaml: is a configuration of `aam pretrain`, not of `aam train`; aam pretrain",
     config, "command: pretrain\n"),
    ("K1 unknown key", "run.yaml: unknown key lrr; did you mean lr?", config, "lrr: 1\n"),
    ("K1 strange key", "run.yaml: unknown key <any>...", config, f"{'x' * 1000}: 1\n"),
    ("K1 two names", "run.yaml: unifrac-matrix is another name of distances, which is given as well",
     config, "distances: a.npy\nunifrac-matrix: b.npy\n"),
    ("K1 and more", "run.yaml: unknown key lrr; did you mean lr? (and 2 more: `aam check` lists them)",
     config, "lrr: 1\nepochs: ten\ntest_size: 1.5\n"),
    ("K2 type", "run.yaml: epochs must be a whole number, got 'ten'", config, "epochs: ten\n"),
    ("K2 choice", "run.yaml: optimizer must be 'adamw' or 'adam' or 'sgd', got 'adamax'",
     config, "optimizer: adamax\n"),
    ("K2 list", "run.yaml: epochs must be a whole number, got ['1', '2']", config, "epochs: [1, 2]\n"),
    ("K2 not finite", "run.yaml: lr must be a number, got '.inf'", config, "lr: .inf\n"),
    ("K2 long value", "run.yaml: epochs must be a whole number, got 'xxx<any>...", config,
     f"epochs: {'x' * 100_000}\n"),
    ("K3 file range", "run.yaml: test_size must be below 1, got 1.5", config, "test_size: 1.5\n"),
    ("K3 file digits", "run.yaml: seed must be at most 4294967295, got more digits than it can have",
     config, f"seed: 1{'0' * 400}\n"),
    ("K3 contradiction", "--validation-size and --test-size together must be below 1",
     config, "test_size: 0.5\nvalidation_size: 0.5\n"),
    ("K4 repeated", "run.yaml: line 3: key 'lr' repeated; leave one of them", config, "lr: 1\nepochs: 2\nlr: 2\n"),
    ("K4 repeated spelling", "run.yaml: line 2: key 'batch-size' repeated; leave one of them",
     config, "batch_size: 1\nbatch-size: 2\n"),
    ("K4 tab", f"run.yaml: line 2: <any>; {FLAT}", config, "lr: 1\n\tepochs: 2\n"),
    ("K4 Python object",
     "run.yaml: line 1: tags (tag:yaml.org,2002:pyt...) are not accepted; leave out what starts with !",
     lambda folder: config(folder, f"lr: !!python/object/apply:os.mkdir ['{folder / 'was-run'}']\n")),
    ("K4 deep", f"run.yaml: line 1: values are nested too deeply; {FLAT}", config, "table: " + "[" * 5000 + "]" * 5000),
    ("K4 sections", f"run.yaml: line 2: expected a value, got a mapping; {FLAT}", config, "optim:\n  lr: 1\n"),
    ("K4 not YAML", f"run.yaml: line 2: <any>; {FLAT}", config, "lr: 'open\n"),
)
# fmt: on
