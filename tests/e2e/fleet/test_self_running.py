"""One file that runs one script: anywhere, offline, from a place of its own that nobody else can write to."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.lockfiles.site import Site


def made(site: Site, script: str = "s.py", name: str = "tool.pyz") -> Path:
    done = site.run("-vpython-tool", "bundle", "--self", name, script=script)
    assert done.returncode == 0, done.stderr
    return site.place / name


def run(site: Site, *words: str | Path, cache: str = "cache") -> subprocess.CompletedProcess[str]:
    """Run the file where there is no index, with a home and a root that have nothing."""
    environ = {
        **site.harness.environ,
        "VPYTHON_VIRTUALENV_ROOT": str(site.place / f"{cache}-root"),
        "XDG_CACHE_HOME": str(site.place / cache),
        "VPYTHON_OFFLINE": "1",
    }
    return subprocess.run(words, env=environ, cwd="/", capture_output=True, text=True, check=False)


def test_it_runs_the_script(site: Site) -> None:
    script = site.script("a")
    script.write_text(script.read_text() + "import sys\nprint(sys.argv[1:])\nraise SystemExit(3)\n")
    file = made(site)
    script.unlink()
    site.index.stop()
    for words in ([file], [sys.executable, file]):  # the second time it is unpacked
        done = run(site, *words, "x y", "--z")
        assert (done.returncode, done.stdout, done.stderr) == (3, "2.0 1.1\n['x y', '--z']\n", "")
    (unpacked,) = (site.place / "cache" / "vpython-kits").iterdir()
    assert unpacked.stat().st_mode & 0o077 == 0


def test_the_same_content_makes_the_same_bytes(site: Site) -> None:
    site.script("a")
    assert made(site).read_bytes() == made(site, name="again.pyz").read_bytes()


def test_a_spec_beside_the_script_goes_along(site: Site) -> None:
    (site.place / "vpython.toml").write_text('requires-python = ">=3.11"\ndependencies = ["b<1.1"]\n')
    (site.place / "t.py").write_text("import b\nprint(b.VERSION)\n")
    done = run(site, made(site, "t.py"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1.0\n", "")


@pytest.mark.parametrize("kind", ["open to others", "a link", "read-only"])
def test_a_place_of_others_is_not_used(site: Site, kind: str) -> None:
    """Then it is unpacked for this run alone."""
    site.script("a")
    file = made(site)
    kits = site.place / "cache" / "vpython-kits"
    if kind == "a link":
        (site.place / "elsewhere").mkdir(mode=0o777)
        kits.parent.mkdir()
        kits.symlink_to(site.place / "elsewhere")
        (site.place / "elsewhere").chmod(0o777)
    else:
        kits.mkdir(parents=True)
        kits.chmod(0o777 if kind == "open to others" else 0o700)
    if kind == "read-only":
        if os.geteuid() == 0:
            kits.rmdir()
            kits.write_text("a file")
        else:
            kits.chmod(0o500)
    done = run(site, file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.0 1.1\n", "")
    assert not kits.is_dir() or not list(kits.iterdir())


def test_what_it_is_not_for(site: Site) -> None:
    site.script("a")
    done = site.run("-vpython-tool", "bundle", "--self", "t.pyz", "s.py", script="s.py")
    assert done.returncode == 2
    assert done.stderr.startswith("vpython: `--self` makes a file of one script\n")
    done = site.run("-vpython-tool", "bundle")
    assert done.returncode == 2
    assert "`--output`" in done.stderr
    assert "`--self`" in done.stderr
