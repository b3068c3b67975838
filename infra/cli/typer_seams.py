"""typer, and what we use of it beside its documentation: commands that are imported when they are called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from models.seams import Library, LibraryPart, Seam

NO_COMMAND: Final = "no command is found"
ALL_AT_ONCE: Final = "all commands are imported at once"

SEAM: Final = Seam(
    Library.TYPER,
    tested=("0.29.2",),
    parts=(
        LibraryPart("typer.core:TyperGroup.list_commands", NO_COMMAND, ALL_AT_ONCE, ("self", "ctx")),
        LibraryPart("typer.core:TyperGroup.get_command", NO_COMMAND, ALL_AT_ONCE, ("self", "ctx", "cmd_name")),
        LibraryPart(
            "typer.core:TyperCommand.make_context",
            NO_COMMAND,
            ALL_AT_ONCE,
            ("self", "info_name", "args", "parent", "extra"),
        ),
        LibraryPart("typer.main:get_command", NO_COMMAND, ALL_AT_ONCE, ("typer_instance",)),
    ),
)


class CommandSource(NamedTuple):
    """Where a command lives: a Typer app (`app`) or a function of a module, and the line that `--help` shows."""

    module: str
    name: str
    help: str

    def load(self) -> typer.Typer | Callable[..., None]:
        """Import it."""
        found: typer.Typer | Callable[..., None] = getattr(importlib.import_module(self.module), self.name)
        return found


def application(commands: Mapping[str, CommandSource], before: Callable[[], None], **options: Any) -> typer.Typer:
    """A Typer app with these commands, in this order; each is imported when it is called.

    Args:
        before: called before a command is imported.
        options: of `typer.Typer`.
    """
    if not SEAM.fast:
        return _whole(commands, before, **options)

    class Group(TyperGroup):
        """Knows the commands by name alone."""

        def list_commands(self, ctx: Any) -> list[str]:
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> _Lazy | None:
            source = commands.get(cmd_name)
            return None if source is None else _Lazy(cmd_name, source, before)

    return typer.Typer(cls=Group, **options)


class _Lazy(TyperCommand):
    """Stands for a command in `--help`; becomes it when it is called."""

    def __init__(self, name: str, source: CommandSource, before: Callable[[], None]) -> None:
        super().__init__(name, help=source.help, short_help=source.help)
        self._source, self._before = source, before

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse `args` as the real command does."""
        self._before()
        found = self._source.load()
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False)
            single.command(self.name)(found)
            found = single
        return typer.main.get_command(found).make_context(info_name, args, parent=parent, **extra)


def _whole(commands: Mapping[str, CommandSource], before: Callable[[], None], **options: Any) -> typer.Typer:
    """The plain path."""
    before()
    app = typer.Typer(**options)
    for name, source in commands.items():
        found = source.load()
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, help=source.help, short_help=source.help)
        else:
            app.command(name, short_help=source.help)(found)
    return app
