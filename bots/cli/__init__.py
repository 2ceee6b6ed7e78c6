"""The command line: hearsay init, run, transcribe, ask, say, jobs, keys, doctor, and others."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Annotated

import typer

from bots.cli import commands, keeping_commands
from bots.exit_codes import STORE, exit_code_of, exit_with
from core.errors import AssistantError

app: typer.Typer = typer.Typer(
    name="hearsay",
    help="A voice assistant: transcribes recordings, answers questions about them, reads aloud.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # Typer's tracebacks show local variables, which may hold secrets.
    pretty_exceptions_enable=False,
)
app.command("init")(commands.init)
app.command("run")(commands.run)
app.command("worker")(commands.worker)
app.command("intake")(commands.intake)
app.command("web")(commands.web)
app.command("migrate")(commands.migrate)
app.command("move")(commands.move)
app.command("backup")(keeping_commands.backup)
app.command("restore")(keeping_commands.restore)
app.command("pause")(keeping_commands.pause)
app.command("resume")(keeping_commands.resume)
app.command("transcribe")(commands.transcribe)
app.command("ask")(commands.ask)
app.command("say")(commands.say)
app.command("voices")(commands.voices)
app.command("doctor")(commands.doctor)
app.command("health")(commands.health)
app.command("support-bundle")(commands.support_bundle)

_jobs = typer.Typer(help="List jobs, show one, and run dead letters again.")
_jobs.callback(invoke_without_command=True)(commands.list_jobs_by_default)
_jobs.command("list")(commands.list_jobs)
_jobs.command("show")(commands.show_job)
_jobs.command("retry")(commands.retry_job)
app.add_typer(_jobs, name="jobs")

_keys = typer.Typer(help="Show and replace the key of the database.", no_args_is_help=True)
_keys.command("rotate")(commands.rotate_keys)
_keys.command("fingerprint")(keeping_commands.show_fingerprints)
app.add_typer(_keys, name="keys")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"hearsay {version('hearsay-bot')}")
        raise typer.Exit


@app.callback()
def read_options(
    is_version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Take the options that stand before the command."""


def main() -> None:
    """Run the command; an expected error is one line and an exit code, never a traceback."""
    sys.excepthook = _log_crash
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        # Closed, as by >&- in a shell: the next file to be opened, such as the database, would
        # take its number.
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
    try:
        typer.main.get_command(app)()
    except AssistantError as error:
        exit_with(str(error), exit_code_of(error))
    except OSError as error:
        exit_with(f"{error.filename or 'the system'}: {error.strerror}", STORE)


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Log an unexpected error: the log redacts secrets, a bare traceback would not."""
    import structlog

    from core.logs import set_up_logs

    if not structlog.is_configured():
        set_up_logs("WARNING")
    structlog.get_logger().critical("crashed", exc_info=(kind, error, trace))
