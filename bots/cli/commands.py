"""The commands of `hearsay` and their options.

What does the work is imported when a command runs: help and completion have to be quick.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

_RECORDINGS = "Recordings; - reads one from standard input."
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class State(StrEnum):
    """The states of a job, by which jobs can be listed."""

    HELD = "held"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    DEAD = "dead"
    CANCELLED = "cancelled"


def init(
    path: Annotated[
        Path, typer.Option("--file", help="The file to write; .env is the one that is read.")
    ] = Path(".env"),
) -> None:
    """Ask for tokens and keys, try each one, and write them to .env."""
    from bots.setup import run_setup

    run_setup(path)


def run() -> None:
    """Run everything in one process, until SIGTERM or Ctrl-C."""
    _run()


def worker() -> None:
    """Run jobs and send the replies, in one of several processes on PostgreSQL."""
    _run("worker")


def intake() -> None:
    """Receive messages of Telegram and Discord, in one of several processes on PostgreSQL."""
    _run("intake")


def web() -> None:
    """Serve the page and the API, in one of several processes on PostgreSQL."""
    _run("web")


def _run(part: str = "") -> None:
    import asyncio
    import gc
    import sys

    gc.disable()  # it finds nothing in modules: a tenth of the start; `bots.program` turns it on
    # structlog, httpx and FastAPI import these wherever they find them: 11 MB for colours that no
    # log has, a command line and models of an old kind. None keeps them from it.
    # The last one tells asyncio from Trio, and is looked for several times a request.
    unused = dict.fromkeys(("rich", "httpx._main", "pydantic.v1", "sniffio"))
    sys.modules.update(unused)  # type: ignore[arg-type]
    from bots.exit_codes import read_settings
    from bots.parts import EVERYTHING, Part
    from bots.start import run as run_program
    from core.clock import SteadyLoop

    parts = {Part(part)} if part else EVERYTHING
    with asyncio.Runner(loop_factory=SteadyLoop) as runner:
        runner.run(run_program(read_settings(), parts))


def migrate() -> None:
    """Create the database or migrate it to this version."""
    import asyncio

    from bots.exit_codes import prepare
    from bots.home import make_home
    from core.clock import CLOCK
    from core.store import find_keys, open_cipher
    from core.store.upgrade import upgrade

    settings = prepare()
    make_home(settings.hearsay_home)

    async def run() -> None:
        cipher = await open_cipher(settings.url, find_keys(settings))
        await upgrade(settings, cipher, CLOCK.now())

    asyncio.run(run())
    typer.echo("The database is up to date.")


def move(
    source: Annotated[
        str, typer.Argument(help="URL of the database to be copied; no hearsay runs on it.")
    ],
    target: Annotated[str, typer.Argument(help="URL of an empty database, or of a new file.")],
    is_json: Json = False,
) -> None:
    """Copy everything from one database to another: SQLite to PostgreSQL, or back.

    The source stays as it is. Keep passwords out of the command: PGPASSWORD or ~/.pgpass has them.
    """
    from bots.cli.move import move_database

    move_database(source, target, is_json=is_json)


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=_RECORDINGS)],
    language: Annotated[
        str, typer.Option(help="The language spoken: en, German, …, or auto to detect it.")
    ] = "auto",
    format: Annotated[
        Literal["txt", "srt", "vtt", "json"],
        typer.Option(help="txt: plain text; srt, vtt: subtitles; json: everything."),
    ] = "txt",
    path: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Output file, or a folder for several files."),
    ] = None,
) -> None:
    """Transcribe recordings. Transcripts are stored: repeating the command costs nothing."""
    place = None if str(path) == "-" else path
    is_together = place.is_file() if place else format in ("srt", "vtt")
    if len(files) > 1 and is_together:
        raise typer.BadParameter(f"several files as {format} need a folder", param_hint="-o")
    from bots.cli.transcribe import Output, transcribe_files

    output = Output(format, place, len(files) > 1)
    raise typer.Exit(transcribe_files(files, language, output))


def ask(
    words: Annotated[
        list[str],
        typer.Argument(metavar="FILE... QUESTION", help="Recordings, then a question about them."),
    ],
    is_thinking: Annotated[
        bool, typer.Option("--thinking", help="Let the model think before it answers.")
    ] = False,
) -> None:
    """Ask about recordings. Answers are stored: the same question is paid once a day."""
    from bots.cli.ask import ask_question

    ask_question(words, is_thinking=is_thinking)


def say(
    text: Annotated[
        str, typer.Argument(help="The text to read aloud; - reads it from standard input.")
    ],
    path: Annotated[
        str,
        typer.Option("-o", "--output", help="Output file, or - for standard output."),
    ] = "",
    voice: Annotated[str, typer.Option(help="The voice; hearsay voices lists them.")] = "",
    style: Annotated[str, typer.Option(help='The speaking style, such as "warm, slow".')] = "",
    format: Annotated[
        Literal["ogg", "wav", "mp3"] | None,
        typer.Option(help="Default: that of the file's name; wav for standard output."),
    ] = None,
) -> None:
    """Read a text aloud into a file. Speech is stored: repeating the command costs nothing."""
    from bots.cli.say import choose_output, speak

    speak(text, choose_output(path, format), (voice, style))


def voices(is_json: Json = False) -> None:
    """List the voices of the configured engine."""
    from bots.cli.say import list_voices

    list_voices(is_json=is_json)


def doctor(is_json: Json = False) -> None:
    """Check settings, files, database, platforms and engines; say how to correct each mistake.

    Exit codes: 0 all is well, 69 a service cannot be reached, 70 other, 74 database or disk,
    77 token or key, 78 settings.
    """
    from bots.doctor import run_doctor

    run_doctor(is_json=is_json)


def health(
    url: Annotated[
        str, typer.Option(help="Address of a process; default: all on this machine.")
    ] = "",
    is_live: Annotated[
        bool, typer.Option("--live", help="Ask only whether the process answers.")
    ] = False,
) -> None:
    """Ask a running process whether it works: for containers. Prints the parts that fail.

    Exit codes: 0 it does, 1 a part fails or nobody answers.
    """
    from bots.cli.health import check_health

    check_health(url, is_live=is_live)


def support_bundle(
    path: Annotated[Path, typer.Option("-o", "--output", help="A new file.")] = Path(
        "hearsay-support.zip"
    ),
) -> None:
    """Write a ZIP file that helps to find a fault: no secrets, no content, no ids of people."""
    from bots.cli.support_bundle import make_bundle

    make_bundle(path)


def rotate_keys(
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Encrypt everything with a new key, also while the bot runs; the old one is removed."""
    from bots.cli.keys import rotate

    rotate(is_sure=is_sure)


JobId = Annotated[
    str, typer.Argument(metavar="ID", help="The reference that people see in error messages.")
]


def list_jobs(
    states: Annotated[
        list[State] | None,
        typer.Option("--state", help="Only jobs in this state; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of jobs.")] = 50,
    is_json: Json = False,
) -> None:
    """List jobs, newest first; without --state, dead letters and open jobs."""
    from bots.cli.jobs import print_jobs

    print_jobs(states or (), limit, is_json=is_json)


def list_jobs_by_default(ctx: typer.Context, is_json: Json = False) -> None:
    """List jobs where `hearsay jobs` names no command."""
    if ctx.invoked_subcommand is None:
        list_jobs(is_json=is_json)
    elif is_json:
        raise typer.BadParameter(f"put it last: hearsay jobs {ctx.invoked_subcommand} --json")


def show_job(
    job_id: JobId,
    has_content: Annotated[
        bool, typer.Option("--content", help="Include the message and the reply.")
    ] = False,
    is_json: Json = False,
) -> None:
    """Show one job and its deliveries, without content."""
    from bots.cli.jobs import print_job

    print_job(job_id, has_content=has_content, is_json=is_json)


def retry_job(job_id: JobId) -> None:
    """Run a dead letter again; a running bot starts it within seconds."""
    from bots.cli.jobs import retry

    retry(job_id)
