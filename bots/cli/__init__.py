"""The command line: hearsay run | migrate | transcribe | ask | say | voices | jobs | doctor."""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType

import structlog
import typer

from bots import doctor
from bots.cli import ask as cli_ask
from bots.cli import jobs as cli_jobs
from bots.cli import say as cli_say
from bots.cli import transcribe as cli_transcribe
from bots.exit_codes import STORE, exit_code_of, exit_with, prepare, read_settings
from bots.program import make_home, run
from core.clock import SteadyLoop
from core.errors import AssistantError
from core.logs import set_up_logs
from core.store import migrate

app: typer.Typer = typer.Typer(
    name="hearsay",
    help="A voice assistant: transcribes recordings, answers questions about them, and speaks.",
    no_args_is_help=True,
    add_completion=False,
    # Typer's tracebacks show local variables, which may hold secrets.
    pretty_exceptions_enable=False,
)
app.command("transcribe")(cli_transcribe.transcribe)
app.command("ask")(cli_ask.ask)
app.command("say")(cli_say.say)
app.command("voices")(cli_say.voices)
app.command("doctor")(doctor.doctor)
app.add_typer(cli_jobs.app)


@app.command("run")
def run_bot() -> None:
    """Run every configured platform until SIGTERM or Ctrl-C."""
    with asyncio.Runner(loop_factory=SteadyLoop) as runner:
        runner.run(run(read_settings()))


@app.command("migrate")
def migrate_database() -> None:
    """Create the database or migrate it to this version."""
    settings = prepare()
    make_home(settings.hearsay_home)
    asyncio.run(migrate(settings.url))
    typer.echo("The database is up to date.")


def main() -> None:
    """Run the command; an expected error is one line and an exit code, never a traceback."""
    set_up_logs("WARNING")
    sys.excepthook = _log_crash
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
    structlog.get_logger().critical("crashed", exc_info=(kind, error, trace))
