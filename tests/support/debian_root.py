"""Bare Debian systems in folders, made by debootstrap as root."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

#: What the machine's own registries are reached with.
_CONFIGURATION = ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")
#: Mirrors may be older than their signatures allow.
_APT = 'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\n'


def make_root(folder: Path, release: str, packages: str) -> None:
    """Install a release of Debian with `packages`, comma-separated, unless the folder has one."""
    if not (folder / "etc/apt").exists():
        run("debootstrap", "--variant=minbase", f"--include={packages}", release, folder)
    for name in _CONFIGURATION:
        if (path := Path("/") / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / name)
    (folder / "etc/apt/apt.conf.d/99dates").write_text(_APT)


def enter(folder: Path, script: str, variables: Mapping[str, str]) -> list[str | Path]:
    """Return the command that runs `script` inside; what it started ends with it."""
    inside = shlex.join(["env", *(f"{name}={value}" for name, value in variables.items())])
    mounts = "mount -t proc proc $0/proc; mount --rbind /dev $0/dev"
    command = f'{mounts}; exec chroot $0 {inside} sh -c "$1"'
    return ["unshare", "-mpf", "--kill-child", "sh", "-c", command, folder, script]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and return what it printed."""
    variables = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        command, cwd=cwd, env=variables, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
