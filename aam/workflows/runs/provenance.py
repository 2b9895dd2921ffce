"""Where a run comes from: versions, commit, machine, its parent model, its changes, and what repeating it promises."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import yaml

from aam.config import PretrainConfig, TrainConfig, to_flat
from aam.config.resume import BY_ROUNDING, FREE, Change, changes_of
from aam.errors import ConfigError
from aam.files.atomic import sha256_file
from aam.log import say, warn
from aam.models.folder.paths import find_weights
from aam.runs.directory import RunDirectory, environment
from aam.runs.layout import DATA
from aam.runs.record_schema import SAME, differences, parts_of, read_record
from aam.text import plural
from aam.training.distributed.collectives import world_size
from aam.training.hardware.device import choose_device
from aam.training.run.transfer import encoder_folder

NOT_THE_SAME = "Repeated or resumed, this run gives nearly the same numbers, but not the same bytes: "
LOCATION = ("output_dir", "overwrite", "resume_from")


def full_environment() -> dict[str, str]:
    """Versions, commit and machine that a result depends on; what is not there or not known is left out."""
    found = {**environment(), "commit": commit(), "threads": str(torch.get_num_threads())}
    found["processor"] = torch.backends.cpu.get_cpu_capability()
    if torch.cuda.is_available():
        found |= {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}
        found["gpu"] = torch.cuda.get_device_name()
    return {name: value for name, value in found.items() if value}


@cache
def commit() -> str:
    """The git commit of this program, with ``-dirty`` where files differ from it; empty where it is not known."""
    try:
        installed = metadata.distribution("aam").read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # it runs from its sources
        installed = None
    recorded = json.loads(installed).get("vcs_info", {}) if installed else {}
    if "commit_id" in recorded:
        return str(recorded["commit_id"])
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return ""
    words = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def promise(
    config: PretrainConfig | TrainConfig,
    device: str,
    processes: int = 1,
    changes: Sequence[Any] = (),
    parts: Sequence[Mapping[str, Any]] = (),
) -> str:
    """What repeating a run promises, in plain words (``docs/determinism.md``).

    Parameters
    ----------
    config
        The run's.
    device
        ``cpu`` or ``cuda``.
    processes
        That train together.
    changes
        Options that were changed when resuming.
    parts
        All starts of the run, as in :func:`origin`.
    """
    options = config.run
    how = [] if device == "cpu" else ["on a GPU"]
    how += [f"in {processes} processes"] if processes > 1 else []
    how += [f"in {options.mixed_precision} precision"] if options.mixed_precision not in (None, "none") else []
    how += ["with compiled layers"] if options.compile_model else []
    reasons = [f"it computed {', '.join(how)}"] if how else []
    reasons += ["its options were changed when resuming"] if changes else []
    other = differences(parts)
    reasons += [f"it was resumed in a different environment ({_in_words(other)})"] if other else []
    return f"{NOT_THE_SAME}{'; '.join(reasons)}." if reasons else SAME


def parent_model(config: PretrainConfig | TrainConfig) -> dict[str, str] | None:
    """The encoder that a run started from, by the checksum of its weights; None for a fresh one."""
    path = encoder_folder(config.transfer) if isinstance(config, TrainConfig) else None
    if path is None:
        return None
    return {"path": str(path), "sha256": sha256_file(find_weights(path))}


def origin(config: PretrainConfig | TrainConfig, typed: str, data: str) -> dict[str, Any]:
    """Command lines and changes of a run, also of the times before it was resumed.

    Parameters
    ----------
    config
        The run's.
    typed
        The command line of this process.
    data
        The name of the record in the run directory.

    Returns
    -------
    dict of str to Any
        ``command`` is the one that began the run, in ``folder``; ``resumed`` lists the later ones. ``changes`` has the
        options whose values were changed, as they were and became. ``parts`` has the circumstances of each start.
    """
    part = circumstances(config, typed)
    began: dict[str, Any] = {"command": typed, "folder": str(Path.cwd()), "resumed": [], "changes": [], "parts": [part]}
    if config.run.resume_from is None:
        return began
    run = RunDirectory(config.run.resume_from)
    path = run.path / data
    if path.exists():
        before = read_record(path)
        began |= {name: before[name] for name in began if name in before}
        began["parts"] = [*parts_of(before), part]
        began["resumed"] = [*began["resumed"], typed]
    new = [{"option": c.name, "before": c.before, "after": c.after} for c in changes_in(config, run)]
    # The record is written before the configuration: changes are met again where a run was killed between the two.
    began["changes"] = [*(old for old in began["changes"] if old not in new), *new]
    return began


def circumstances(config: PretrainConfig | TrainConfig, typed: str) -> dict[str, Any]:
    """Under which command, device, number of processes and environment this process computes."""
    return {
        "command": typed,
        "device": choose_device(config.run.device).type,
        "processes": world_size(),
        "environment": full_environment(),
    }


def changes_in(config: PretrainConfig | TrainConfig, run: RunDirectory) -> list[Change]:
    """The options that a run was resumed with and that differ from those in its directory, but for the free ones."""
    if not run.config.exists():
        return []
    own = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    found = changes_of(own, to_flat(config))
    return [change for change in found if change.name not in (*FREE, *LOCATION)]


def log_changes(config: PretrainConfig | TrainConfig, run: RunDirectory) -> None:
    """Log what a resumed run changes: options, versions, threads, device.

    Raises
    ------
    ConfigError
        If the new number of epochs is below the number already done.
    """
    _say_other_circumstances(config, run)
    changes = changes_in(config, run)
    if not changes:
        return
    _check_epochs(config.optim.epochs, run)
    warn("resuming with changed options; results will differ from an unchanged run:")
    say(*(f"  {change}" for change in changes))
    if all(change.name in BY_ROUNDING for change in changes):
        say("  they change results by rounding, which training can amplify")
    if any(change.name == "epochs" for change in changes):
        say("  a schedule that depends on the number of epochs is recomputed for the new number of epochs")


def _say_other_circumstances(config: PretrainConfig | TrainConfig, run: RunDirectory) -> None:
    path = run.path / DATA
    before = parts_of(read_record(path))[-1:] if path.exists() else []
    found = differences([*before, circumstances(config, "")])
    processes = found.pop("processes", None)
    if processes is not None:
        also = "dropout, which each process draws for itself, and " if config.model.dropout else ""
        say(f"resuming with a different number of processes ({processes}): same results except for {also}rounding")
    if found:
        warn(f"resuming in a different environment ({_in_words(found)}): results may differ")


def _in_words(differing: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {values}" for name, values in differing.items())


def _check_epochs(epochs: int, run: RunDirectory) -> None:
    from aam.training.checkpoints.checkpoint import epochs_done  # loads the engine, which an ordinary start does later

    done = epochs_done(run.checkpoints)
    if epochs < done:
        raise ConfigError(f"--epochs {epochs}: {plural(done, 'epoch')} are already done; give at least {done}")
