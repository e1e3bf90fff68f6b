"""What the README shows works: its Python runs, its commands and files exist, its numbers hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastmlp.cli.arguments import parser

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_the_python_blocks_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert len(blocks("python")) >= 3
    names = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    output = capsys.readouterr().out
    loss, promised = (re.search(r"'loss': (0\.\d\d)", text)[1] for text in (output, README))
    assert loss == promised
    accuracy = float(re.search(r"'accuracy': ([\d.]+)", output)[1])
    # the comment says 0.97…; another instruction set rounds differently and ends a few images off
    assert accuracy == pytest.approx(0.975, abs=0.015)
    assert names["probabilities"].shape == (360, 10)


def test_the_two_commands_are_there_for_ci_to_run():
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    assert commands == [
        "pip install . && fastmlp train digits",
        'pip install ".[test]" && pytest',
    ]


def test_every_fastmlp_command_has_arguments_that_the_command_knows():
    commands = re.findall(r"fastmlp (train [^`\n]+|predict [^`\n]+|info[^`\n]*)", README)
    assert len(commands) >= 3
    for command in commands:
        parser().parse_args(command.split())


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_leads_to_a_file(target):
    assert (ROOT / target).is_file()
