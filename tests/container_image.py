"""The container image without a container engine: `make image`, as root on Debian.

Follows deploy/docker/Dockerfile in bare Debian systems, one for each stage, with nothing but what
Dockerfile.dockerignore lets in. Then runs the last one as a container without any rights: as the
user of the image, without capabilities, in a read-only tree of which only the volume and /tmp can
be written.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bare_roots import ask_health
from tests.supply_chain.release import list_tracked
from tests.support.debian_root import enter, make_root, run
from tests.support.paths import ROOT, SPEECH
from tests.support.ports import free_port

DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
FOLDER = Path("/var/tmp/hearsay-roots")
#: What the base image has beside a bare system; the release of Debian is the image's.
_PACKAGES = "ca-certificates,python3,python3-venv,python-is-python3"
#: "stable" has been trixie since 2025.
_RELEASE = "stable"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Where the user of the image tries to write.
_PLACES = ("/", "/usr", "/etc", "/opt/hearsay", "/var/lib/hearsay", "/tmp")


@dataclass
class Stage:
    """A stage of the Dockerfile."""

    name: str
    #: Instructions that change the file system, in their order.
    steps: list[tuple[str, str]] = field(default_factory=list)
    #: The last value of each of the others.
    settings: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    #: Of the machine that all share, since nothing keeps their networks apart.
    port: int = field(default_factory=free_port)

    @property
    def root(self) -> Path:
        """The folder of its system."""
        return FOLDER / f"image-{self.name or 'last'}"

    def words(self, name: str) -> list[str]:
        """Return the command of ENTRYPOINT, CMD or HEALTHCHECK."""
        value = self.settings[name]
        return [str(word) for word in json.loads(value[value.index("[") :])]


def read_dockerfile(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for line in filter(None, "\n".join(lines).replace("\\\n", " ").splitlines()):
        word, _, rest = line.partition(" ")
        match word:
            case "FROM":
                stages.append(Stage(rest.partition(" AS ")[2]))
            case "RUN" | "COPY" | "WORKDIR":
                stages[-1].steps.append((word, rest))
            case "ENV":
                pairs = (pair.partition("=") for pair in shlex.split(rest))
                stages[-1].environment |= {n: v.replace("$PATH", _PATH) for n, _, v in pairs}
            case _:
                stages[-1].settings[word] = rest
    return stages


def build(stages: list[Stage]) -> None:
    """Follow every step of every stage."""
    for stage in stages:
        make_root(stage.root, _RELEASE, _PACKAGES)
        for path in ("src", "opt/hearsay", "var/lib/hearsay"):
            shutil.rmtree(stage.root / path, ignore_errors=True)
        run(*enter(stage.root, "userdel hearsay 2> /dev/null || true", stage.environment))
        folder = Path("/")
        for word, rest in stage.steps:
            print(f"  {word} {rest}"[:100], flush=True)
            if word == "WORKDIR":
                folder = Path(rest)
                (stage.root / rest.strip("/")).mkdir(parents=True, exist_ok=True)
            elif word == "RUN":
                run(*enter(stage.root, f"exec 2>&1; cd {folder} && {rest}", stage.environment))
            else:
                _copy(stage, folder, rest.split())


def _copy(stage: Stage, folder: Path, words: list[str]) -> None:
    *sources, target = words
    place = stage.root / str(folder / target).lstrip("/")
    if sources[0].startswith("--from="):
        other = Stage(sources[0].partition("=")[2])
        run("cp", "-a", other.root / sources[1].lstrip("/"), place)
        return
    for name in list_tracked(*sources):
        # A folder's files come without its name.
        inside = Path(name) if name in sources else Path(*Path(name).parts[1:])
        (place / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, place / inside)


def contain(stage: Stage, *words: str) -> list[str]:
    """Return the command that runs `words` as a container of this image without any rights."""
    user, _, group = stage.settings["USER"].partition(":")
    environment = stage.environment | {"WEB_PORT": str(stage.port), "HOME": "/tmp"}
    variables = [f"{name}={value}" for name, value in environment.items()]
    rights = ("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups")
    program = ("env", "-i", *variables, *words)
    inside = shlex.join(("setpriv", *rights, f"--reuid={user}", f"--regid={group}", *program))
    volume = stage.settings["VOLUME"].lstrip("/")
    script = f"""
        mount --bind $0 $0; cd $0; mount --bind {volume} {volume}
        mount -t tmpfs -o mode=1777,noexec,nosuid tmpfs tmp
        mount -t proc proc proc; mount --rbind /dev dev
        mount -o remount,bind,ro $0; exec chroot . {inside}
    """
    return ["unshare", "-mpf", "--kill-child", "sh", "-ec", script, str(stage.root)]


@contextmanager
def running(stage: Stage) -> Iterator[None]:
    """Run the image until it answers; stop it at the end as an engine does."""
    command = contain(stage, *stage.words("ENTRYPOINT"), *stage.words("CMD"))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as program:
        try:
            ask_health(program, stage.port)
            yield
            # `unshare` passes no signal on to its child, which has become the program.
            [child] = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
            os.kill(int(child), signal.SIGTERM)
            assert program.wait(10) == 0, "it does not stop at SIGTERM"
        finally:
            program.kill()


def try_writing(stage: Stage) -> list[str]:
    """Return where the user of the image can write."""
    script = "for place; do touch $place/new 2> /dev/null && echo $place; done; true"
    return run(*contain(stage, "sh", "-c", script, "sh", *_PLACES)).split()


def main() -> None:
    """Build the image, and try it."""
    stages = read_dockerfile(DOCKERFILE.read_text())
    build(stages)
    last = stages[-1]
    places = try_writing(last)
    print("can write to", *places, flush=True)
    assert places == [last.settings["VOLUME"], "/tmp"], places
    shutil.copy(SPEECH / "cards-001.wav", last.root / "srv")
    print(run(*contain(last, "hearsay", "transcribe", "/srv/cards-001.wav")), end="", flush=True)
    with running(last):
        print(*last.words("HEALTHCHECK"), run(*contain(last, *last.words("HEALTHCHECK"))), end="")
    print("stopped by SIGTERM, exit code 0")


if __name__ == "__main__":
    main()
