"""`aam --install-completion`: let the shell complete commands, options and their choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, cast, get_args

from cyclopts import App
from cyclopts.completion import detect_shell
from cyclopts.completion.detect import ShellDetectionError

from aam.cli.help_text import COMPLETION_FLAG
from aam.cli.options import parser
from aam.cli.terminal import Terminal
from aam.config.option import suggest
from aam.config.registry import COMMANDS
from aam.errors import ConfigError

PROGRAM = "aam"
Shell = Literal["bash", "zsh", "fish"]
STARTED_BY = {"bash": ".bashrc", "zsh": ".zshrc"}
"""What such a shell reads when it starts, in the home folder; fish finds its completions itself."""


def install(words: Sequence[str]) -> None:
    """Write the completions of a shell into the home folder, and say which files were written.

    Parameters
    ----------
    words
        The shell's name; the shell that `aam` was called from where left out.

    Raises
    ------
    ConfigError
        For a shell that is not known, and a file that cannot be written.
    """
    shell = _shell(words)
    starts = Path.home() / STARTED_BY.get(shell, "")
    try:
        before = starts.read_bytes() if starts.is_file() else b""
        written = completions().install_completion(shell=shell)
    except OSError as error:
        place = error.filename or Path.home()
        raise ConfigError(f"{COMPLETION_FLAG}: {place} cannot be written ({error.strerror})") from None
    Terminal().print("\n".join(_outcome(shell, written, starts, before)))


def completions() -> App:
    """The program with all commands and options, as a shell completes them."""
    app = App(name=PROGRAM, help_flags=(), version_flags=(), help_format="plaintext")
    for name in COMMANDS:
        app.command(parser(name, with_choices=True))
    return app


def _outcome(shell: str, written: Path, starts: Path, before: bytes) -> Iterator[str]:
    yield f"wrote {written}"
    if starts.is_file() and starts.read_bytes() != before:
        yield f"added to {starts}: two lines that load it"
    if shell == "zsh":
        yield "zsh has to run compinit after that, as most set-ups do: autoload -Uz compinit && compinit"
    yield f"Open a new {shell} to use it: aam train --me, then Tab."


def _shell(words: Sequence[str]) -> Shell:
    known = get_args(Shell)
    if len(words) > 1:
        raise ConfigError(f"{COMPLETION_FLAG} takes one shell: {', '.join(known)}")
    try:
        name = words[0] if words else detect_shell()
    except ShellDetectionError:
        raise ConfigError(f"which shell is this? {COMPLETION_FLAG} bash, zsh or fish") from None
    if name not in known:
        raise ConfigError(f"{COMPLETION_FLAG} takes {', '.join(known)}, not {name}{suggest(name, list(known))}")
    return cast(Shell, name)
