"""The page of the command line, written from the parser that reads it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastmlp.cli.arguments import parser

WIDTH = 88


def page() -> str:
    """Return the page as reStructuredText."""
    top = parser()
    (commands,) = (a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    lines = ["Command line", "============", "", top.description or "", "", *_usage(top)]
    lines += [*_options(top), *_examples(top)]
    for name, command in commands.choices.items():
        title = f"fastmlp {name}"
        lines += [title, "-" * len(title), "", command.description or "", ""]
        lines += [f".. program:: {title}", "", *_usage(command)]
        lines += [*_options(command), *_examples(command)]
    return "\n".join(lines)


def _usage(of: argparse.ArgumentParser) -> list[str]:
    formatter = argparse.HelpFormatter(of.prog, width=WIDTH)
    formatter.add_usage(of.usage, of._actions, of._mutually_exclusive_groups)
    lines = formatter.format_help().removeprefix("usage: ").split("\n")
    return _literal("\n".join([lines[0], *(line[len("usage: ") :] for line in lines[1:])]))


def _options(of: argparse.ArgumentParser) -> Iterator[str]:
    formatter = argparse.HelpFormatter(of.prog, width=WIDTH)
    for group in of._action_groups:
        actions = [a for a in group._group_actions if a.help != argparse.SUPPRESS]
        if not actions or actions == [a for a in actions if a.dest == "help"]:
            continue
        if group.title and group.title not in ("options", "positional arguments", "commands"):
            yield from (f".. rubric:: {group.title[0].upper()}{group.title[1:]}", "")
        for action in actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from (f"- ``{a.dest}``: {a.help}" for a in action._choices_actions)
                yield ""
            elif action.dest != "help":
                yield from _told(_written(action), formatter._expand_help(action))


def _written(action: argparse.Action) -> str:
    """Return how an argument is written: ``--seed N``, or ``data``."""
    if not action.option_strings:
        return action.metavar if isinstance(action.metavar, str) else action.dest
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    value = action.metavar or f"{{{','.join(map(str, action.choices or ()))}}}"
    value = f"[{value}]" if action.nargs == "?" else value
    return ", ".join(f"{option} {value}" for option in action.option_strings)


def _told(written: str, text: str) -> list[str]:
    return [f".. option:: {written}", "", f"   {_safe(text)}", ""]


def _safe(text: str) -> str:
    """Return text in which `command` and --option are literal and nothing else is markup."""
    text = re.sub(r"(?<![\w`-])(--[a-z][a-z-]*)", r"``\1``", text.replace("*", r"\*"))
    return re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text)


def _examples(of: argparse.ArgumentParser) -> Iterator[str]:
    """Yield what stands below the options in ``--help``: examples, then paragraphs."""
    for part in (of.epilog or "").strip().split("\n\n"):
        if part.startswith("examples:"):
            yield from (".. rubric:: Examples", "")
            yield from _literal("\n".join(line[2:] for line in part.splitlines()[1:]))
        elif part:
            yield from (_safe(part), "")


def _literal(text: str) -> list[str]:
    return [".. code-block:: text", "", *(f"   {line}" for line in text.strip().split("\n")), ""]


def setup(app: Any) -> dict[str, Any]:
    """Write the page before Sphinx looks for it."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    path, text = folder / "command_line.rst", page()
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
