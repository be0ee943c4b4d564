"""What is run and how it ends: the same as with Python itself, cold and warm, by both doors."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.start.stage import WHICH, Stage, spec
from tests.support.harness import BASE, BUILT, DOORS, Door, Seen

TELL = """
import os, sys
print(sys.argv, os.getcwd(), __name__, sys.stdin.read(), sys.flags[:9],
      sorted(sys._xoptions), sys.warnoptions)
"""


def same(stage: Stage, *words: str | Path, stdin: str = "") -> Seen:
    """Python and vpython end alike."""
    seen = stage.everywhere(*words, stdin=stdin)
    expected = stage.plain(*words, stdin=stdin)
    assert (seen[0], seen[1]) == (expected[0], expected[1])
    return seen


@pytest.mark.parametrize(
    "words",
    [
        ("tell.py",),
        ("tell.py", "a", "-b", "--", "", "c d", "*", "$(touch x)", "\\", "é\udcff"),
        ("./tell.py", "-vpython-spec", "x"),
        ("-u", "tell.py"),
        ("-B", "-O", "-q", "-b", "-P", "tell.py"),
        ("-OO", "-bb", "tell.py"),
        ("-X", "dev", "tell.py"),
        ("-Xdev", "-X", "utf8", "-Wignore", "-W", "error", "tell.py", "-X", "y"),
        ("-I", "tell.py"),
        ("-E", "-s", "tell.py"),
        ("-uBI", "tell.py", "x"),
        ("-S", "tell.py", "x"),
        ("-IS", "tell.py"),
        ("--", "tell.py", "--"),
        ("-u", "--", "-dash.py", "x"),
        ("./-dash.py",),
        ("--check-hash-based-pycs", "always", "tell.py"),
        ("-c", TELL, "a", "-c"),
        ("-ucimport sys; print(sys.argv)", "a"),
        ("-Sc", "import sys; print(sys.argv)", "a"),
        ("-m", "tell", "a"),
        ("-mtell", "a"),
        ("-m", "package", "a"),
        ("-m", "package.part"),
        ("package", "a"),
        ("package/",),
        ("bundle.zip", "a"),
        ("package/../tell.py",),
        ("sub/./../tell.py",),
        (".",),
    ],
    ids=lambda words: " ".join(words)[:40].encode("ascii", "backslashreplace").decode(),
)
def test_words(stage: Stage, words: tuple[str, ...]) -> None:
    for name in ("tell.py", "-dash.py", "package/__main__.py", "package/part.py", "__main__.py", "sub/x"):
        stage.put(name, TELL)
    stage.put("package/__init__.py")
    with zipfile.ZipFile(stage.work / "bundle.zip", "w") as bundle:
        bundle.writestr("__main__.py", TELL)
    before = stage.listing()
    code, _, err = same(stage, *words, stdin="what is read")
    assert (code, err) == (0, "")
    assert stage.listing() == before


@pytest.mark.parametrize("words", [(), ("-",), ("-", "a", "-b"), ("-i", "-q"), ("-u", "-")])
def test_program_from_stdin(stage: Stage, words: tuple[str, ...]) -> None:
    text = "import sys\nprint(sys.argv, __name__)\nprint(len(sys.path) > 1)\n"
    code, out, _ = same(stage, *words, stdin=text)
    assert code == 0
    assert "__main__" in out


def test_repl(stage: Stage) -> None:
    for door in DOORS:
        for _ in ("cold", "warm"):
            child, terminal = pty.fork()
            if child == 0:
                os.chdir(stage.work)
                command = ["/bin/sh"] if door == "head" else [str(BASE)]
                os.execve(command[0], [*command, str(stage.file)], stage.surroundings({"TERM": "dumb"}))
            os.write(terminal, b"6*7\nimport sys; sys.ps1\nraise SystemExit(3)\n")
            said = b""
            while True:
                try:
                    part = os.read(terminal, 1024)
                except OSError:
                    break
                if not part:
                    break
                said += part
            os.close(terminal)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
            assert b"42" in said
            assert b">>> " in said


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", 0),
        ("raise SystemExit", 0),
        ("raise SystemExit(7)", 7),
        ("raise SystemExit(256 + 9)", 9),
        ("raise SystemExit('why')", 1),
        ("1 / 0", 1),
        ("def", 1),
        ("import os; os._exit(255)", 255),
        ("import os; os.execl('/bin/sh', 'sh', '-c', 'exit 5')", 5),
        ("raise KeyboardInterrupt", -2),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; os.kill(os.getpid(), 15)", -15),
        ("import os; os.abort()", -6),
        ("import sys; sys.stdout.close(); sys.stderr.close(); raise SystemExit(4)", 4),
    ],
)
def test_how_it_ends(stage: Stage, body: str, code: int) -> None:
    stage.put("end.py", body + "\n")
    assert same(stage, "end.py")[0] == code


@pytest.mark.parametrize(
    ("words", "code", "fact"),
    [
        (("missing.py",), 2, "cannot open script `{work}/missing.py`: No such file or directory"),
        (("folder",), 2, "cannot run directory `{work}/folder`: no `__main__.py` in it"),
        (("-c",), 2, "Python's option `-c` lacks its value"),
        (("-W",), 2, "Python's option `-W` lacks its value"),
    ],
)
def test_what_cannot_be_run(stage: Stage, words: tuple[str, ...], code: int, fact: str) -> None:
    (stage.work / "folder").mkdir()
    seen = stage.everywhere(*words, recorded=False)
    assert seen == (code, "", f"vpython: {fact.format(work=stage.work)}\n")


def test_module_that_is_not_there(stage: Stage) -> None:
    code, out, err = stage.everywhere("-m", "no_such_module")
    assert (code, out) == (1, "")
    assert err.endswith("No module named no_such_module\n")


def test_what_python_refuses(stage: Stage) -> None:
    code, _, err = stage.everywhere("-Z", "x.py", recorded=False)
    assert code == 2
    assert "x.py" in err or "Unknown option: -Z" in err


def test_python_s_own_version(stage: Stage) -> None:
    for words in (("-V",), ("--version",)):
        assert stage.everywhere(*words) == (0, f"Python {sys.version.split()[0]}\n", "")


@pytest.mark.parametrize("door", DOORS)
def test_python_is_one_of_ours(stage: Stage, door: Door) -> None:
    script = stage.put("who.py", "import sys; print(sys.executable, sys.prefix, sys.orig_argv, sep='\\n')")
    for _ in ("cold", "warm"):
        code, out, _ = stage.see(script, "a", door=door)
        executable, prefix, words = out.splitlines()
        assert code == 0
        assert Path(prefix).parent == stage.root / "environments-1"
        assert executable == f"{prefix}/bin/python"
        assert words == str([executable, "-s", str(script), "a"])


@pytest.mark.parametrize("name", ["vpython", "vpython3", "python", "other name.pyz"])
@pytest.mark.parametrize("how", ["copy", "link"])
def test_another_name(stage: Stage, name: str, how: str) -> None:
    script = stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    stage.put("s.py.vpython", spec("two"))
    stage.file = stage.place / name
    if how == "copy":
        stage.file.write_bytes(BUILT.read_bytes())
        stage.file.chmod(0o755)
    else:
        stage.file.symlink_to(BUILT)
    assert stage.everywhere(script) == (0, "two\n" if name == "vpython" else "one\n", "")


def test_found_on_path_by_a_script_s_first_line(stage: Stage) -> None:
    from tests.e2e.start.stage import WHICH, spec

    (stage.place / "bin").mkdir()
    (stage.place / "bin" / "vpython3").symlink_to(BUILT)
    stage.put("s.py.vpython3", spec("one"))
    script = stage.put("s.py", "#!/usr/bin/env vpython3\n" + WHICH, mode=0o755)
    env = stage.surroundings({"PATH": f"{stage.place}/bin:{stage.environ['PATH']}"})
    for command in ([str(script), "a b"], ["./s.py", "a b"]):
        stage.forget()
        for _ in ("cold", "warm"):
            out = subprocess.run(command, cwd=stage.work, env=env, capture_output=True, text=True, check=True)
            assert (out.stdout, out.stderr) == ("one a b\n", "")


def test_by_its_bare_name(stage: Stage) -> None:
    (stage.work / "vp.pyz").write_bytes(BUILT.read_bytes())
    stage.put("s.py", "print('here')")
    stage.file = Path("vp.pyz")
    for shell in (("sh",), ("sh", "-e"), ("sh", "-u")):
        stage.forget()
        for _ in ("cold", "warm"):
            assert stage.see("s.py", shell=shell) == (0, "here\n", "")
