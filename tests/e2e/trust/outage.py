"""Another boot of the machine, in a mount namespace: another boot id, and nothing in `/dev/shm`."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

from tests.e2e.trust.test_full_disk import namespace

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.e2e.trust.ground import Ground

BOOT = "/proc/sys/kernel/random/boot_id"
# The tests' own directories may lie in memory: they stay.
MOUNT = f"""
mount --bind "$0" {BOOT} && mount --rbind /dev/shm /mnt && mount -t tmpfs none /dev/shm || exit
for kept in /mnt/pytest-of-*; do
    [ -d "$kept" ] || continue
    mkdir "/dev/shm/${{kept##*/}}" && mount --rbind "$kept" "/dev/shm/${{kept##*/}}" || exit
done
exec "$@"
"""


class Boot:
    """One boot; all that runs in it finds what the first left in memory gone."""

    def __init__(self, ground: Ground, number: int) -> None:
        self.ground = ground
        self.id = ground.place / f"boot-{number}"
        self.id.write_text(f"{number:08}-0000-4000-8000-000000000000\n")

    def see(self, *words: str | Path) -> tuple[int, str, str]:
        """How starts in a row end, which share what is in memory: the last exit code, all output."""
        command = ["sh", "-c", MOUNT, str(self.id), "sh", "-c", '"$0" "$@" && wait; exit $?']
        done = subprocess.run(
            [*namespace(), *command, str(self.ground.file), *map(str, words or (self.ground.script,))],
            cwd=self.ground.place,
            env=self.ground.surroundings(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


def lose(root: Path, how: str, chance: random.Random, share: float, since: int) -> int:
    """Take the bytes of a share of the files that were written since then; their names and times stay."""
    lost = 0
    for parent, _, names in os.walk(root):
        for name in names:
            path = os.path.join(parent, name)
            found = os.lstat(path)
            is_new = found.st_ctime_ns >= since and not os.path.islink(path)
            if not is_new or not found.st_size or chance.random() > share:
                continue
            size = found.st_size
            os.chmod(path, 0o600)  # who is not root may not write to what is read-only
            with open(path, "r+b") as file:
                if how == "empty":
                    file.truncate()
                else:
                    at = 0 if how == "zeros" else size // 2
                    file.seek(at)
                    file.write(bytes(size - at))
            os.chmod(path, stat.S_IMODE(found.st_mode))
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
            lost += 1
    return lost
