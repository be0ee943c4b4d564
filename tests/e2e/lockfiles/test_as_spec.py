"""Requirements files and PEP 751 lockfiles named as the spec of a start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from tests.e2e.lockfiles.site import Site

CODE = "import a, b\nprint(a.VERSION, b.VERSION)\n"


def written(site: Site, name: str, text: str) -> str:
    (site.place / "p.py").write_text(CODE)
    (site.place / name).write_text(text)
    return name


def test_a_requirements_file(site: Site) -> None:
    """Resolved with its constraints; a change of a file that it names counts at the next start."""
    written(site, "requirements.txt", "-r more.txt\n-c constraints.txt\n")
    written(site, "more.txt", "a\n")
    written(site, "constraints.txt", "a<2\n")
    words = ("-vpython-spec", "requirements.txt")
    assert site.run(*words, script="p.py").stdout == "1.0 1.1\n"
    assert site.run(*words, script="p.py").stdout == "1.0 1.1\n"
    assert site.index.asked == []
    written(site, "constraints.txt", "a<3\n")
    assert site.run(*words, script="p.py").stdout == "2.0 1.1\n"
    written(site, "more.txt", "a\nb<1.1\n")
    assert site.run(*words, script="p.py").stdout == "2.0 1.0\n"

    done = site.lock(script="requirements.txt")
    assert done.stdout == f"{site.lockfile('pylock.requirements.toml')}: 2 distributions, new\n", done.stderr
    (site.wheels / "a-2.0-py3-none-any.whl").touch()
    make_wheel(site.wheels, "a", "2.1", requires=("b",))
    assert site.run("-vpython-locked", *words, script="p.py").stdout == "2.0 1.0\n"
    explained = site.run("-vpython-tool", "explain", script="requirements.txt").stdout
    assert f"{site.place / 'requirements.txt'}  (named by -vpython-spec)" in explained


def test_a_requirements_file_with_hashes(site: Site) -> None:
    """Followed as it is; another hash is refused, and nothing is asked of what it does not name."""
    hashes = {name: site.sha256(f"{name}-1.0-py3-none-any.whl") for name in "ab"}
    text = "".join(f"{name}==1.0 \\\n    --hash=sha256:{sha256}\n" for name, sha256 in hashes.items())
    words = ("-vpython-spec", written(site, "requirements.txt", text))
    assert site.run(*words, script="p.py", env={"CI": "1"}).stdout == "1.0 1.0\n"
    written(site, "requirements.txt", text.replace(hashes["b"], "0" * 64))
    done = site.run(*words, script="p.py")
    assert done.returncode != 0
    assert "0" * 64 in done.stderr
    refused = site.lock(script="requirements.txt")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"vpython: `{site.place / 'requirements.txt'}` is a lockfile itself")


def test_a_lockfile(site: Site) -> None:
    """All of it is followed, from where it says, without a page of the index."""
    site.script("a<2")
    assert site.lock().returncode == 0
    site.lockfile().rename(site.place / "pylock.toml")
    (site.place / "s.py").unlink()
    (site.place / "p.py").write_text(CODE)
    words = ("-vpython-spec", "pylock.toml")
    done = site.run(*words, script="p.py", env={"CI": "1"})
    assert (done.stdout, site.pages()) == ("1.0 1.1\n", []), done.stderr
    exported = site.run("-vpython-tool", "export", script="pylock.toml")
    assert exported.stdout.startswith("a==1.0 \\\n"), exported.stderr
    (site.place / "pylock.toml").write_text('lock-version = "9.0"\n')
    assert site.run(*words, script="p.py").stderr.startswith(f"vpython: {site.place / 'pylock.toml'}: ")


def test_commands_that_edit_leave_them_alone(site: Site) -> None:
    written(site, "requirements.txt", "a\n")
    done = site.run("-vpython-tool", "add", "requirements.txt", script="b")
    assert done.returncode == 2
    assert "is a requirements file, which `add` and `remove` do not edit" in done.stderr
    assert (site.place / "requirements.txt").read_text() == "a\n"
