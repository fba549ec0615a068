"""Commands whose options are a frozen object's fields: names, types, defaults and help are declared there alone."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from facsmith.options import AnimateOptions, Choice, choices, chosen

__all__ = ["Group", "replacing", "with_options"]

_FLAGS = {"edit": ("relative", "absolute")}
"""Of two words one that is a flag of its own, and the one that holds without it."""

Command = Callable[..., None]


@dataclass(frozen=True)
class Group:
    """Options that stand in place of one keyword parameter, and what makes its value of theirs."""

    parameters: tuple[inspect.Parameter, ...]
    build: Callable[[Mapping[str, Any]], Any]


def with_options(*names: str, **defaults: Any) -> Callable[[Command], Command]:
    """Give a command the options ``names`` of `AnimateOptions` in place of its keyword parameter ``options``.

    Parameters
    ----------
    defaults
        Defaults other than the fields' own.
    """
    offered = choices(AnimateOptions, names)
    parameters = tuple(_parameter(offered[name], defaults.get(name, offered[name].default)) for name in names)

    def build(given: Mapping[str, Any]) -> AnimateOptions:
        values: dict[str, Any] = {}
        for name in names:
            if name in _FLAGS:
                flag, other = _FLAGS[name]
                values[name] = flag if given[flag] else other
            else:
                values[name] = given[name]
        return chosen(AnimateOptions(), values)

    return replacing(options=Group(parameters, build))


def replacing(**groups: Group) -> Callable[[Command], Command]:
    """Give a command each group's options in place of the keyword parameter of that name."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            built: dict[str, Any] = {}
            for name, group in groups.items():
                built[name] = group.build({each.name: given.pop(each.name) for each in group.parameters})
            command(**given, **built)

        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for name, parameter in signature.parameters.items():
            parameters += groups[name].parameters if name in groups else [parameter]
        known: Any = run
        known.__signature__ = signature.replace(parameters=parameters)
        known.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _parameter(choice: Choice, default: Any) -> inspect.Parameter:
    name, kind = choice.name, choice.kind
    if name in _FLAGS:
        name, kind, default = _FLAGS[name][0], bool, False
    flags = [f"--{name.replace('_', '-')}"]
    if kind is bool and default:
        flags = [f"{flags[0]}/--no-{flags[0][2:]}"]
    told: dict[str, Any] = {"help": choice.help}
    if default is None:
        kind = kind | None
        told["show_default"] = choice.unset
    annotation = Annotated[kind, typer.Option(*flags, **told)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
