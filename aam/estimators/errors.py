"""The package's errors as scikit-learn expects them: ValueErrors, in the words of Python."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aam.config import TrainConfig
from aam.config.option import fields
from aam.errors import ConfigError, InputError, PreemptedError

FLAG = re.compile(r"--([a-z][a-z0-9-]*)")
OFF_FORMS = {
    field.metadata["negative"]: field.name for _, field, _ in fields(TrainConfig) if field.metadata["negative"]
}
INTERRUPTED = 128 + signal.SIGINT


class ParameterError(ConfigError, ValueError):
    """A parameter of an estimator, or a combination of them, that cannot work."""


class DataError(InputError, ValueError):
    """Data given to an estimator that cannot be used."""

    def __reduce__(self) -> Any:
        """Made anew from its lines, so that it passes from one process to another."""
        return DataError.of, (self.problems,)


@contextmanager
def as_value_errors() -> Iterator[None]:
    """Raise what is wrong with options and data as ValueErrors; a signal ends the fit as it would end any other code.

    Raises
    ------
    ParameterError, DataError
        For a :class:`~aam.errors.ConfigError` or :class:`~aam.errors.InputError`.
    KeyboardInterrupt, SystemExit
        For Ctrl-C, or another signal that stopped the training: there is no run that could be resumed.
    """
    try:
        yield
    except (ParameterError, DataError):
        raise
    except ConfigError as error:
        raise ParameterError(in_python(str(error))) from None
    except InputError as error:
        raise DataError.of(tuple(map(in_python, error.problems))) from None
    except PreemptedError as error:
        if error.exit_code == INTERRUPTED:
            raise KeyboardInterrupt from None
        raise SystemExit(error.exit_code) from None


def in_python(text: str) -> str:
    """A text with the command line's flags as the parameters that they are: ``--batch-size`` -> ``batch_size``."""
    return FLAG.sub(lambda found: _parameter(found[1]), text)


def _parameter(flag: str) -> str:
    if flag in OFF_FORMS:
        return f"{OFF_FORMS[flag]}=False"
    off, name = flag.startswith("no-"), flag.removeprefix("no-").replace("-", "_")
    return f"{name}=False" if off else name
