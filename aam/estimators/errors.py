"""The package's errors as scikit-learn expects them: ValueErrors, in the words of Python."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aam.config.keywords import in_python
from aam.errors import ConfigError, InputError, PreemptedError

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
