"""One file that runs one script: a zipapp with the script, its kit and vpython, which it unpacks once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile

from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.packages.oci.layout import Member

EPOCH = (1980, 1, 1, 0, 0, 0)
SHEBANG = b"#!/usr/bin/env python3\n"
# Any Python 3 runs it; the script's own is found by vpython. What is unpacked has its name when it is whole.
MAIN = """\
import os, shutil, subprocess, sys, tempfile, time, zipfile

DIGEST, WORDS = {digest!r}, {words!r}
MODES = {modes!r}
DAY = 86400


def cache():
    home = os.path.expanduser("~")
    if os.name == "nt":
        return os.path.join(os.environ.get("LOCALAPPDATA") or home, "vpython-kits")
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return os.path.join(base if os.path.isabs(base) else os.path.join(home, ".cache"), "vpython-kits")


def is_mine(path):
    status = os.lstat(path)
    return os.name == "nt" or (
        status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.path.isdir(path)
        and not os.path.islink(path)
    )


def unpack(path):
    with zipfile.ZipFile(sys.argv[0]) as kit:
        for name, mode in MODES.items():
            target = os.path.join(path, *name.split("/"))
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            with kit.open("kit/" + name) as source, open(target, "wb") as output:
                shutil.copyfileobj(source, output, 1 << 20)
            os.chmod(target, mode)


def remove_old(base):
    for name in os.listdir(base):
        path = os.path.join(base, name)
        if name != DIGEST and time.time() - os.lstat(path).st_mtime > 30 * DAY:
            shutil.rmtree(path, ignore_errors=True)


def place():
    base = cache()
    path = os.path.join(base, DIGEST)
    try:
        os.makedirs(base, mode=0o700, exist_ok=True)
        if not is_mine(base):
            return None
        if not os.path.isdir(path):
            new = tempfile.mkdtemp(prefix=".new-", dir=base)
            unpack(new)
            try:
                os.rename(new, path)
            except OSError:
                shutil.rmtree(new, ignore_errors=True)
            remove_old(base)
        if time.time() - os.lstat(path).st_mtime > DAY:
            os.utime(path)
        return path if is_mine(path) else None
    except OSError:
        return None


def command(path):
    words = [word.replace("{{kit}}", path) for word in WORDS]
    return [os.path.join(path, "vpython.pyz"), *words, *sys.argv[1:]]


found = place()
if found and os.name != "nt":
    argv = command(found)
    os.execv(argv[0], argv)
if found:
    sys.exit(subprocess.call([sys.executable, *command(found)]))
with tempfile.TemporaryDirectory() as own:
    unpack(own)
    sys.exit(subprocess.call([sys.executable, *command(own)]))
"""


def write(path: str, members: Sequence[Member], words: Sequence[str]) -> None:
    """Write the file: whole or not at all, the same bytes for the same content.

    `members` are what is unpacked, `vpython.pyz` among them; `words` are its arguments, in which `{kit}`
    stands for the directory that they are unpacked to.
    """
    digest = hashlib.sha256(repr(list(words)).encode())
    temporary = files.temporary_name(os.path.dirname(path) or ".", ".new-")
    try:
        with files.disk_errors("write", path):
            with open(temporary, "xb") as output:
                output.write(SHEBANG)
                with zipfile.ZipFile(output, "w") as archive:
                    for member in sorted(members, key=lambda member: member.name):
                        data = _bytes(member)
                        digest.update(f"{member.name} {member.mode} {len(data)}\n".encode() + data)
                        archive.writestr(_info(f"kit/{member.name}"), data)
                    modes = {member.name: member.mode for member in members}
                    main = MAIN.format(digest=digest.hexdigest()[:32], words=list(words), modes=modes)
                    archive.writestr(_info("__main__.py"), main)
            files.protect(temporary, 0o755)
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _bytes(member: Member) -> bytes:
    return member.content if isinstance(member.content, bytes) else files.read_bytes(member.content)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    return info
