"""Bad configuration files (rows K of the matrix)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aam.cli.options import parse
from aam.config import to_flat
from tests.badinputs.cases import Read, bad, odd

FLAT = "the file is flat: one `name: value` a line"
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


@bad("K0 no such file", "none.yaml: no such file; is the path right? Files are read from disk only")
def _(folder: Path) -> Read:
    return lambda: parse("train", ["--config", str(folder / "none.yaml")])


@bad("K0 empty", "run.yaml: the file is empty")
def _(folder: Path) -> Read:
    return config(folder, "")


@bad("K0 comments", f"run.yaml: holds no options; {FLAT}")
def _(folder: Path) -> Read:
    return config(folder, "# nothing\n")


@bad("K0 a list", f"run.yaml: holds no options; {FLAT}")
def _(folder: Path) -> Read:
    return config(folder, "- lr\n- epochs\n")


@bad("K0 binary", "run.yaml: not UTF-8 (byte 0xff at 0: looks like UTF-16); save it as UTF-8")
def _(folder: Path) -> Read:
    return config(folder, "lr: 1".encode("utf-16"))


@bad("K0 NUL", "run.yaml: line 1 has a NUL character; the file is damaged or is not text")
def _(folder: Path) -> Read:
    return config(folder, "lr: \0")


@bad("K0 huge", "run.yaml: has more than 1,048,576 bytes; is it a configuration?")
def _(folder: Path) -> Read:
    return config(folder, "# x\n" * (1 << 19))


@bad("K0 another command's", "run.yaml: is a configuration of `aam pretrain`, not of `aam train`; aam pretrain")
def _(folder: Path) -> Read:
    return config(folder, "command: pretrain\n")


@bad("K1 unknown key", "run.yaml: unknown key lrr; did you mean lr?")
def _(folder: Path) -> Read:
    return config(folder, "lrr: 1\n")


@bad("K1 strange key", "run.yaml: unknown key <any>...")
def _(folder: Path) -> Read:
    return config(folder, f"{'x' * 1000}: 1\n")


@bad("K1 two names", "run.yaml: unifrac-matrix is another name of distances, which is given as well")
def _(folder: Path) -> Read:
    return config(folder, "distances: a.npy\nunifrac-matrix: b.npy\n")


@bad("K1 and more", "run.yaml: unknown key lrr; did you mean lr? (and 2 more: `aam check` lists them)")
def _(folder: Path) -> Read:
    return config(folder, "lrr: 1\nepochs: ten\ntest_size: 1.5\n")


@bad("K2 type", "run.yaml: epochs must be int, got 'ten'")
def _(folder: Path) -> Read:
    return config(folder, "epochs: ten\n")


@bad("K2 choice", "run.yaml: optimizer must be 'adamw' or 'adam' or 'sgd', got 'adamax'")
def _(folder: Path) -> Read:
    return config(folder, "optimizer: adamax\n")


@bad("K2 list", "run.yaml: epochs must be int, got ['1', '2']")
def _(folder: Path) -> Read:
    return config(folder, "epochs: [1, 2]\n")


@bad("K2 not finite", "run.yaml: lr must be a number, got '.inf'")
def _(folder: Path) -> Read:
    return config(folder, "lr: .inf\n")


@bad("K2 long value", "run.yaml: epochs must be int, got 'xxx<any>...")
def _(folder: Path) -> Read:
    return config(folder, f"epochs: {'x' * 100_000}\n")


@bad("K3 file range", "run.yaml: test_size must be below 1, got 1.5")
def _(folder: Path) -> Read:
    return config(folder, "test_size: 1.5\n")


@bad("K3 file digits", "run.yaml: seed must be at most 4294967295, got more digits than it can have")
def _(folder: Path) -> Read:
    return config(folder, f"seed: 1{'0' * 400}\n")


@bad("K3 contradiction", "--validation-size and --test-size together must be below 1")
def _(folder: Path) -> Read:
    return config(folder, "test_size: 0.5\nvalidation_size: 0.5\n")


@bad("K4 repeated", "run.yaml: line 3: key 'lr' repeated; leave one of them")
def _(folder: Path) -> Read:
    return config(folder, "lr: 1\nepochs: 2\nlr: 2\n")


@bad("K4 repeated spelling", "run.yaml: line 2: key 'batch-size' repeated; leave one of them")
def _(folder: Path) -> Read:
    return config(folder, "batch_size: 1\nbatch-size: 2\n")


@bad("K4 tab", f"run.yaml: line 2: <any>; {FLAT}")
def _(folder: Path) -> Read:
    return config(folder, "lr: 1\n\tepochs: 2\n")


@bad(
    "K4 Python object",
    "run.yaml: line 1: tags (tag:yaml.org,2002:pyt...) are not accepted; leave out what starts with !",
)
def _(folder: Path) -> Read:
    return config(folder, f"lr: !!python/object/apply:os.mkdir ['{folder / 'was-run'}']\n")


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


@bad("K4 deep", f"run.yaml: line 1: values are nested too deeply; {FLAT}")
def _(folder: Path) -> Read:
    return config(folder, "table: " + "[" * 5000 + "]" * 5000)


@bad("K4 sections", f"run.yaml: line 2: a mapping stands where a value should; {FLAT}")
def _(folder: Path) -> Read:
    return config(folder, "optim:\n  lr: 1\n")


@bad("K4 not YAML", f"run.yaml: line 2: <any>; {FLAT}")
def _(folder: Path) -> Read:
    return config(folder, "lr: 'open\n")


@odd("K5 numbers and words that YAML would take for something else")
def _(folder: Path) -> Read:
    content = (
        "lr: 1e-3\nreport: no\nforest_baseline: off\nmetadata_column: 0012\nmissing: [no, 'null', 1e5]\nbatch-size: ~\n"
    )
    flags = {"lr": 0.001, "report": False, "forest_baseline": False, "batch_size": None}
    return with_values(folder, content, **flags, missing=["no", "null", "1e5"])


@odd("K5 BOM, CRLF, comments and a list over lines")
def _(folder: Path) -> Read:
    content = "\ufeff# mine\r\nquantiles:  # three\r\n- 0.1\r\n- 0.5\r\nloss_type: quantile\r\n"
    return with_values(folder, content, quantiles=[0.1, 0.5])
