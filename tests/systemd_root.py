"""A Debian system in a folder that systemd has booted, in which docs/deploying.md is followed.

systemd is process 1 of namespaces of its own. Its control groups and devices are its own as well,
and what belongs to the kernel can only be read. The folder becomes the root for good: within a
chroot there are no user namespaces, which the unit needs.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.documents.blocks import followed_by, read_prose
from tests.support.debian_root import run

#: What a bare system lacks.
PACKAGES = "systemd systemd-sysv dbus"
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
#: Lines that go on until somebody ends them.
_ENDLESS = re.compile(r" -f$")
_PATIENCE_S = 60
_BOOT = """
    mount --bind $0 $0; cd $0
    mount -t proc proc proc; mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys
    mount -t sysfs -o ro sysfs sys; mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs -o mode=755 tmpfs dev
    for name in null zero full random urandom tty; do
        touch dev/$name; mount --bind /dev/$name dev/$name
    done
    mkdir dev/pts dev/shm; mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
    mount -t tmpfs -o mode=1777 tmpfs dev/shm; mount -t tmpfs -o mode=1777 tmpfs tmp
    mount -t tmpfs -o mode=755 tmpfs run
    pivot_root . mnt; umount -l /mnt
    exec env -i container=other $1 /sbin/init
"""


class Booted:
    """The system."""

    def __init__(self, pid: str) -> None:
        self._command = ("nsenter", "-t", pid, "-m", "-p", "-C", "-u", "env", "-i", _PATH)

    def __call__(self, script: str) -> str:
        """Run a script there."""
        return run(*self._command, "sh", "-ec", f"exec 2>&1; {script}")


@contextmanager
def boot(folder: Path) -> Iterator[Booted]:
    """Boot the system; end all that runs in it at the end."""
    command = ["unshare", "-mpfCu", "--kill-child", "sh", "-ec", _BOOT, str(folder), _PATH]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            ends_s = time.monotonic() + _PATIENCE_S
            # `unshare` has one child, which becomes systemd.
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while not (pids := children.read_text().split()):
                time.sleep(0.1)  # it is being started
            system, state = Booted(pids[0]), ""
            while state not in ("running", "degraded"):
                assert process.poll() is None and time.monotonic() < ends_s, state
                time.sleep(0.2)  # systemd starts what it has
                try:
                    state = system("systemctl is-system-running || true").strip()
                except subprocess.CalledProcessError as error:
                    state = str(error)
            yield system
        finally:
            process.kill()


def _clean(folder: Path) -> None:
    """Remove what an earlier run has left: systemd would start the program at once."""
    for pattern in (
        *("etc/hearsay", "etc/systemd/system/**/hearsay@*"),
        *("var/lib/hearsay", "var/lib/private/hearsay"),
    ):
        for path in folder.glob(pattern):
            run("rm", "-r", path)


def follow(folder: Path, port: int) -> str:
    """Follow the blocks for systemd, with the package in /opt/hearsay and the checkout in /src."""
    unit, command = followed_by("tests/systemd_root.py::follow")
    _clean(folder)
    (folder / "src" / ".env").write_text(f"WEB_PORT={port}\n")
    with boot(folder) as system:
        for line in unit.commands:
            if _ENDLESS.search(line):
                line = f"timeout 3 {line} > /tmp/shown || test $? = 124; grep -q Started /tmp/shown"
            system(f"cd /src; {line}")
        [rate] = re.findall(
            r"hearsay@run.*: ([\d.]+) ", system("systemd-analyze security hearsay@run")
        )
        told = f"rates it at {rate} of 10"
        assert told in " ".join(read_prose(unit.document).split()), told
        asked = (
            f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/readyz').status)"
        )
        shown = system(f'systemctl is-active hearsay@run; python3 -c "{asked}"')
        assert shown.split() == ["active", "200"], shown
        [line] = command.commands
        shown = system(f"ls -ld /var/lib/hearsay/; stat -c %a /etc/hearsay/hearsay.env; {line}")
    # The tests that follow have no settings.
    (folder / "src" / ".env").unlink()
    return shown
