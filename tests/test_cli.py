import shlex
import subprocess
import sys
import types
from pathlib import Path

import pytest

from defectlab import __version__, cli

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def greet(monkeypatch):
    """A command whose handler is set by the test."""
    module = types.ModuleType("greet_command")

    def register(subparsers):
        parser = subparsers.add_parser("greet")
        parser.add_argument("--name", default="you")
        parser.set_defaults(handler=lambda args: module.handler(args))

    module.register = register
    module.handler = lambda args: print(f"hello {args.name}")
    monkeypatch.setitem(sys.modules, "greet_command", module)
    monkeypatch.setattr(cli, "COMMANDS", {**cli.COMMANDS, "greet": cli.Command("greet_command", "say hello")})
    return module


def test_a_command_gets_its_arguments(greet, capsys):
    assert cli.main(["greet", "--name", "Ada"]) == 0
    assert capsys.readouterr().out == "hello Ada\n"


def test_a_command_gives_the_exit_code(greet):
    greet.handler = lambda args: 1
    assert cli.main(["greet"]) == 1


@pytest.mark.parametrize("error", [ValueError("n_aug: too many"), FileNotFoundError("no data set")])
def test_an_error_of_the_user_is_a_line_and_not_a_traceback(greet, capsys, error):
    def fail(args):
        raise error

    greet.handler = fail
    assert cli.main(["greet"]) == 2
    assert capsys.readouterr().err == f"defectlab: error: {error}\n"
    with pytest.raises(type(error)):
        cli.main(["--traceback", "greet"])


def test_a_mistake_of_ours_keeps_its_traceback(greet):
    greet.handler = lambda args: args.absent
    with pytest.raises(AttributeError):
        cli.main(["greet"])


def test_an_interrupted_command_says_that_it_can_go_on(greet, capsys):
    def interrupt(args):
        raise KeyboardInterrupt

    greet.handler = interrupt
    assert cli.main(["greet"]) == 130
    assert "goes on where this one was" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_help_lists_every_command(words, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in cli.COMMANDS)


def test_an_unknown_command_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["dat"])
    assert caught.value.code == 2 and "'data'" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"defectlab {__version__}\n"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_there_and_has_help(name, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0 and f"defectlab {name}" in capsys.readouterr().out


def test_help_imports_no_command_and_no_torch():
    code = "import sys; from defectlab.cli import build_parser; build_parser(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    "words",
    ["data", "data list", "data check", "data where", "detect", "detect train", "detect apply", "encoder", "teacher",
     "doctor", "claims", "synthesise", "fine-tune"],
)  # fmt: skip
def test_help_of_a_command_has_an_example_that_it_understands(words, capsys):
    with pytest.raises(SystemExit):
        cli.main([*words.split(), "--help"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    examples = [line for line in lines if line.startswith(f"defectlab {words}")]
    assert examples
    command = words.split()[0]
    for example in examples:
        given = shlex.split(example.split("#")[0].split(">")[0])[1:]
        assert cli.build_parser(command).parse_args(given).handler
