"""The program ``aam``: finds the command, loads that command alone, and turns errors into a line and an exit code."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence

from cyclopts import App

from aam.cli.covariate_help import COVARIATE_HELP_FLAG, covariate_help
from aam.cli.launch import launched
from aam.cli.options import HELP_FLAGS, config_text, parse, print_help
from aam.config.names import COMMANDS
from aam.config.option import suggest
from aam.errors import AamError, ConfigError, RunError
from aam.files.text import printable
from aam.version import __version__

ABOUT = "Attention All Microbes: predict what the metadata says from 16S amplicon data."
STOPPED = 130
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
DEAD_WORKER = "a process that prepares batches died, often for want of memory; try --num-workers 0"
LESS_MEMORY = "out of memory; try a smaller --batch-size or --token-limit, or --gradient-checkpointing"


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    tokens
        The words after ``aam``; those of the command line where left out.

    Returns
    -------
    int
        The exit code. Errors that nobody foresaw are not caught: their traceback tells where they come from.
    """
    words = list(sys.argv[1:] if tokens is None else tokens)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 is no reason to fail
    try:
        _dispatch(words)
        sys.stdout.flush()
    except AamError as error:
        # `aam check` is there to list all problems, every other command stops at the first.
        lines = error.problems if words[:1] == ["check"] else (str(error),)
        return _fail(error.exit_code, *lines)
    except KeyboardInterrupt:
        return _fail(STOPPED, "stopped")
    except BrokenPipeError:
        _close_output()
    except SystemExit as end:
        # rich ends the program where nobody reads on (`aam ... | head`); to us that is no error.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
    except MemoryError:
        return _fail(RunError.exit_code, LESS_MEMORY)
    except OSError as error:
        if error.errno not in NO_SPACE and "No space left" not in str(error):
            raise
        return _fail(RunError.exit_code, f"no space is left on the disk ({error.filename or 'writing the results'})")
    except RuntimeError as error:
        if str(error).startswith("DataLoader worker"):
            return _fail(RunError.exit_code, DEAD_WORKER)
        # torch reports exhausted memory in its own words, and as a RuntimeError on a CPU.
        if "out of memory" not in str(error) and "can't allocate memory" not in str(error):
            raise
        return _fail(RunError.exit_code, LESS_MEMORY)
    return 0


def _dispatch(words: Sequence[str]) -> None:
    first, rest = (words[0], words[1:]) if words else ("--help", ())
    if first in HELP_FLAGS:
        _print_overview()
    elif first == "--version":
        print(f"aam {__version__}")
    elif first not in COMMANDS:
        what = "option" if first.startswith("-") else "command"
        raise ConfigError(f"unknown {what} {first}{suggest(first, list(COMMANDS))}; `aam --help` lists the commands")
    elif any(word in HELP_FLAGS for word in rest):
        print_help(first)
    elif first == "train" and COVARIATE_HELP_FLAG in rest:
        print(covariate_help())
    else:
        run_command(first, rest)


def run_command(command: str, words: Sequence[str]) -> None:
    """Run one command, or print its configuration if that is asked for; errors are raised as they are."""
    request = parse(command, words)
    if request.only_print:
        print(config_text(command, request.config), end="")
        return
    if COMMANDS[command].can_resume and launched(command, words, request.config):
        return
    importlib.import_module(f"aam.cli.{command.replace('-', '_')}").run(request.config)


def _print_overview() -> None:
    app = App(name="aam", help=ABOUT, help_format="plaintext", usage="Usage: aam COMMAND OPTIONS", version=__version__)
    app["--help"].group = app["--version"].group = "General"
    for place, (name, command) in enumerate(COMMANDS.items()):
        app.command(App(name=name, help=command.summary, sort_key=place))
    app.help_print([])


def _fail(code: int, *lines: str) -> int:
    sys.stdout.flush()
    for line in filter(None, lines):
        print(f"error: {printable(' '.join(line.split()))}", file=sys.stderr)
    return code


def _close_output() -> None:
    """Send what is still to be written nowhere, so that Python does not complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
