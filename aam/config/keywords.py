"""Options as keyword arguments of Python: their signature, their documentation, and messages in the words of Python."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from aam.config.commands.train import TrainConfig
from aam.config.option import fields

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

FLAG = re.compile(r"--([a-z][a-z0-9-]*)")
OFF_FORMS = {
    field.metadata["negative"]: field.name for _, field, _ in fields(TrainConfig) if field.metadata["negative"]
}


@dataclass(frozen=True)
class Parameter:
    """A keyword argument: its default, what it means, and from what it is derived where it is None."""

    default: Any
    help: str
    derived: str = ""

    @classmethod
    def of(cls, field: dataclasses.Field[Any], default: Any = dataclasses.MISSING) -> Parameter:
        """The keyword argument of an option, with the option's own default or another one."""
        default = field.default if default is dataclasses.MISSING else default
        return cls(default, in_python(field.metadata["help"]), in_python(field.metadata["derived"]))

    def named(self, name: str) -> inspect.Parameter:
        """The same in a signature; one without a default is required."""
        default = inspect.Parameter.empty if self.default is dataclasses.MISSING else self.default
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)


Parameters = Mapping[str, Parameter]


def parameters_of(config: type, **defaults: Any) -> dict[str, Parameter]:
    """All options of a configuration as keyword arguments; ``defaults`` are those that differ from the option's own."""
    return {
        field.name: Parameter.of(field, defaults.get(field.name, dataclasses.MISSING)) for _, field, _ in fields(config)
    }


def takes_options(parameters: Parameters, examples: str = "") -> Callable[[FunctionT], FunctionT]:
    """Give a function of ``**options`` the signature of its options, documented where ``{parameters}`` stands.

    ``examples`` are lines of Python with what they print, which become the last section of the docstring.
    """
    section = f"\n\nExamples\n--------\n{examples}" if examples else ""

    def decorate(function: FunctionT) -> FunctionT:
        signature = inspect.signature(function)
        own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        # Required ones first, as one reads them.
        chosen = sorted(parameters, key=lambda name: parameters[name].default is not dataclasses.MISSING)
        named = [*own, *(parameters[name].named(name) for name in chosen)]
        function.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]
        function.__doc__ = documented(function.__doc__ or "", {name: parameters[name] for name in chosen}) + section
        return function

    return decorate


def documented(text: str, parameters: Parameters) -> str:
    """A docstring with its parameters put in where it says ``{parameters}``, in numpydoc form."""
    return inspect.cleandoc(text).replace("{parameters}", "\n".join(_lines(parameters)))


def _lines(parameters: Parameters) -> Iterator[str]:
    for name, parameter in parameters.items():
        derived = f" Derived where None: {parameter.derived}." if parameter.derived else ""
        yield name if parameter.default is dataclasses.MISSING else f"{name} : default={parameter.default!r}"
        yield textwrap.fill(f"{parameter.help}{derived}", 110, initial_indent="    ", subsequent_indent="    ")


def in_python(text: str) -> str:
    """A text with the command line's flags as keyword arguments: ``--batch-size`` -> ``batch_size``."""
    return FLAG.sub(lambda found: _keyword(found[1]), text)


def _keyword(flag: str) -> str:
    if flag in OFF_FORMS:
        return f"{OFF_FORMS[flag]}=False"
    off, name = flag.startswith("no-"), flag.removeprefix("no-").replace("-", "_")
    return f"{name}=False" if off else name
