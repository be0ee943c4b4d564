"""Scripts, working directories and roots in places that are hostile, or merely odd."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.start.stage import WHICH, Stage, spec
from tests.support.harness import BASE, BUILT, DOORS, Door, settled

ODD_NAMES = {
    "blanks": "  a  b  ",
    "quotes": 'it\'s "quoted"',
    "backslashes": "a\\b\\\\n\\",
    "substitution": "$(touch x) `touch x` ${HOME}",
    "percent": "%PATH% %s %2F",
    "glob": "*?[a-z]!{a,b}",
    "shell words": "a;b&c|d>e<f#g~h=i",
    "leading dash": "-c",
    "our option": "-vpython-spec",
    "high characters": "é Ł 漢 " + "".join(map(chr, range(0x80, 0xA0))),
    "high bytes": "\udc80\udc81\udc82\udc88\udcff",
    "controls": "\x01\x02\t\x1b\x7f\r",
    "an end": "end",
    "a record's": "@script-x-3",
}


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=[name.replace(" ", "-") for name in ODD_NAMES])
def test_odd_names(stage: Stage, name: str) -> None:
    """As the script's own name, and as a directory's in its path."""
    file, inside = Path(os.fsdecode(f"{name}.py")), Path(name) / "s.py"
    for script in (file, inside):
        stage.put(script, WHICH)
        stage.put(f"{script}.vpython3", spec("one"))
    cases: list[tuple[tuple[str | Path, ...], Path | None, str]] = [
        ((stage.work / file, "é"), None, "one é\n"),
        ((f"./{inside}", "é"), None, "one é\n"),
        (("-c", WHICH), stage.work / name, "bare\n"),
    ]
    for words, cwd, found in cases:
        assert stage.see(*words, cwd=cwd) == (0, found, "")
        with stage.undecided():
            for door in DOORS:
                assert stage.see(*words, cwd=cwd, door=door) == (0, found, "")
    stage.forget()
    assert stage.see(f"./{file}", door="python") == (0, "one\n", "")
    with stage.undecided():
        assert stage.see(f"./{file}") == (0, "one\n", "")
    assert not list(stage.work.rglob("x"))


@pytest.mark.parametrize("name", ["a\nb", "\n", "end\n"])
def test_a_newline_gets_no_record_but_works(stage: Stage, name: str) -> None:
    for script in (Path(f"{name}.py"), Path(name) / "s.py"):
        stage.put(script, WHICH)
        stage.put(f"{script}.vpython3", spec("one"))
        seen = stage.everywhere(stage.work / script, recorded=False)
        assert seen == (0, "one\n", "")
        assert stage.records() == []


@pytest.mark.parametrize("name", ["blanks", "quotes", "substitution", "high bytes", "percent"])
def test_vpython_itself_lies_in_an_odd_place(stage: Stage, name: str) -> None:
    place = stage.place / ODD_NAMES[name]
    place.mkdir()
    stage.file = place / "vp.pyz"
    shutil.copy(BUILT, stage.file)
    stage.put("s.py", WHICH)
    assert stage.everywhere("s.py") == (0, "bare\n", "")
    stage.put("s.py.vpython3", spec("one"))  # a hook sends it back to this file
    assert stage.see("s.py") == (0, "one\n", "")


@pytest.mark.parametrize(
    "name",
    [
        "blanks",
        "quotes",
        "backslashes",
        "substitution",
        "glob",
        "high characters",
        "controls",
        "newline",
        "long",
    ],
)
def test_the_root_lies_in_an_odd_place(tmp_path: Path, stage: Stage, name: str) -> None:
    text = {"newline": "a\nb", "long": "r" * 200}.get(name) or ODD_NAMES[name]
    odd = Stage(stage.yard, tmp_path / "odd", root=tmp_path / "odd" / text / "root")
    odd.seed()
    odd.put("s.py", "import sys; print(sys.prefix.encode('utf-8', 'surrogateescape'))")
    seen = odd.everywhere("s.py", recorded=name != "newline")
    assert (seen[0], seen[2]) == (0, "")
    assert os.fsencode(odd.root) in eval(seen[1])
    assert not list(odd.work.rglob("x"))


def test_a_root_whose_name_no_venv_can_write_down(tmp_path: Path, stage: Stage) -> None:
    odd = Stage(stage.yard, tmp_path / "odd", root=tmp_path / "odd" / ODD_NAMES["high bytes"])
    code, out, err = odd.see(odd.put("s.py"))
    assert (code, out) == (1, "")
    assert err.startswith("vpython: ")
    assert "cannot make a venv: UnicodeEncodeError" in err


def test_long_names(stage: Stage) -> None:
    """A partner's name may be longer than a name can be: then there is none."""
    for length in (245, 250, 255):
        name = "s" * (length - 3) + ".py"
        stage.put(name, WHICH)
        assert stage.everywhere(name) == (0, "bare\n", "")


def test_a_path_longer_than_a_record_s_can_be(stage: Stage) -> None:
    """Records lie under the script's own path: where that is too long for the system, there is none."""
    parts = ["d" * 200] * 19
    here = stage.work
    descriptor = os.open(here, os.O_RDONLY)
    for part in parts:
        os.mkdir(part, dir_fd=descriptor)
        inner = os.open(part, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    script = os.open("s.py", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor)
    os.write(script, WHICH.encode())
    os.close(script)
    os.close(descriptor)
    word = str(here.joinpath(*parts, "s.py"))
    assert len(word) < 4096 - 16
    assert stage.everywhere(word, recorded=False) == (0, "bare\n", "")
    subprocess.run(["rm", "-rf", str(here / parts[0])], check=True)


class Linked:
    """`work/deep/s.py` wants one, `work/s.py` two; `work/other/link` leads to `work/deep/inner`."""

    def __init__(self, stage: Stage) -> None:
        stage.put("deep/s.py", WHICH)
        stage.put("deep/s.py.vpython3", spec("one"))
        stage.put("other/s.py", WHICH)
        stage.put("other/s.py.vpython3", spec("two"))
        (stage.work / "deep/inner").mkdir()
        (stage.work / "other/link").symlink_to("../deep/inner")
        self.link = stage.work / "other/link"


@pytest.mark.parametrize("door", DOORS)
def test_dots_behind_a_link(stage: Stage, door: Door) -> None:
    """`../s.py` is what the system makes of it, whatever the shell calls the working directory."""
    link = Linked(stage).link
    by_name, behind, real = stage.work / "other/s.py", f"{link}/../s.py", stage.work / "deep/s.py"
    for _ in ("cold", "warm", "warm again"):
        assert stage.see(by_name, door=door) == (0, "two\n", "")
        assert stage.see("../s.py", door=door, cwd=link) == (0, "one\n", "")
        assert stage.see("./../s.py", door=door, cwd=link) == (0, "one\n", "")
        assert stage.see("../../deep/./s.py", door=door, cwd=link) == (0, "one\n", "")
        assert stage.see(behind, door=door) == (0, "one\n", "")
        assert stage.see("link/../s.py", door=door, cwd=link.parent) == (0, "one\n", "")
        assert stage.see(real, door=door) == (0, "one\n", "")
        assert stage.see("../s.py", door=door, cwd=stage.work / "deep/inner") == (0, "one\n", "")
    with stage.undecided():
        assert stage.see("../s.py", door=door, cwd=stage.work / "deep/inner") == (0, "one\n", "")


@pytest.mark.parametrize("door", DOORS)
def test_dots_to_a_package(stage: Stage, door: Door) -> None:
    """`..` and `.` as the script itself; the search upward follows the directories, not the words."""
    link = Linked(stage).link
    stage.put("deep/__main__.py", WHICH)
    stage.put("other/__main__.py", WHICH)
    stage.put("deep/.vpython3", spec("one"))
    stage.put("other/.vpython3", spec("two"))
    for _ in ("cold", "warm"):
        assert stage.see("..", door=door, cwd=link) == (0, "one\n", "")
        assert stage.see("../", door=door, cwd=link) == (0, "one\n", "")
        assert stage.see(".", door=door, cwd=link.parent) == (0, "two\n", "")
        assert stage.see("../../other/.", door=door, cwd=link) == (0, "two\n", "")


@pytest.mark.parametrize("door", DOORS)
def test_words_that_look_like_the_root_s(stage: Stage, door: Door) -> None:
    """`.//s.py` is not `/s.py`; blanks and slashes more or less mean one file."""
    stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    absolute = str(stage.work / "s.py")
    for _ in ("cold", "warm"):
        for word in ("s.py", "./s.py", ".//s.py", "././s.py", f"/{absolute}", absolute, f"//{absolute}"):
            assert stage.see(word, door=door) == (0, "one\n", ""), word


@pytest.mark.parametrize("door", DOORS)
def test_from_the_top_directory(stage: Stage, door: Door) -> None:
    script = stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    stage.forget()
    for words in ((str(script)[1:],), ("./" + str(script)[1:],), ("-c", WHICH)):
        first = stage.see(*words, door=door, cwd=Path("/"))
        assert first == (0, "bare\n" if words[0] == "-c" else "one\n", "")
        with stage.undecided():
            assert stage.see(*words, door=door, cwd=Path("/")) == first


@pytest.mark.parametrize(
    "pwd", [None, "", "/", "/nonexistent", "relative", "{work}/", "{work}/.", "{work}/a/.."]
)
def test_a_pwd_that_is_not_true(stage: Stage, pwd: str | None) -> None:
    stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    stage.put("a/x")
    env = {"PWD": pwd and pwd.format(work=stage.work)}
    for words in (("s.py",), ("-c", "print('one')")):
        assert stage.everywhere(*words, env=env) == (0, "one\n", "")


@pytest.mark.parametrize("door", DOORS)
def test_a_working_directory_that_is_gone(stage: Stage, door: Door) -> None:
    """What needs no working directory runs as ever; a relative script is not to be found."""
    script = stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    gone = stage.work / "gone"
    command = [str(stage.file)] if door == "head" else [str(BASE), str(stage.file)]
    line = 'mkdir -p gone; cd gone; rmdir ../gone; exec "$@"'

    def see(*words: str) -> tuple[int, str, str]:
        ended = subprocess.run(
            ["/bin/sh", "-c", line, "sh", *command, *words],
            cwd=stage.work, env=stage.surroundings({"PWD": str(gone)}), capture_output=True, text=True,
        )  # fmt: skip
        said = [row for row in ended.stderr.splitlines() if "getcwd" not in row]
        return ended.returncode, ended.stdout, "\n".join(said)

    stage.see("-c", WHICH, cwd=Path("/"), door=door)
    for _ in ("cold", "warm"):
        assert see(str(script), "a") == (0, "one a\n", "")
        assert see("-c", "print('ran')") == (0, "ran\n", "")
        code, out, err = see("s.py")
        assert (code, out) == (2, "")
        assert err.startswith("vpython: cannot open `s.py`: the current directory is gone")


@pytest.mark.parametrize("door", DOORS)
def test_a_pipe_as_script_and_as_spec(stage: Stage, door: Door) -> None:
    command = [str(stage.file)] if door == "head" else [str(BASE), str(stage.file)]
    bash = shutil.which("bash")
    assert bash
    stage.put("s.py", WHICH)
    stage.put("s.txt", WHICH)
    stage.put("one.txt", spec("one"))
    stage.put("two.txt", spec("two"))
    os.mkfifo(stage.work / "fifo")
    lines = {
        '"$@" <(cat s.txt) a': "bare a\n",
        'cat s.txt >fifo & "$@" fifo a': "bare a\n",
        '"$@" /dev/stdin a <s.txt': "bare a\n",
        '"$@" -vpython-spec <(cat one.txt) s.py': "one\n",
        '"$@" -vpython-spec <(cat two.txt) s.py': "two\n",
        '"$@" -vpython-spec /dev/stdin s.py <one.txt': "one\n",
        '"$@" -vpython-spec /dev/stdin s.py <two.txt': "two\n",
        'cat two.txt | "$@" -vpython-spec /dev/stdin s.py': "two\n",
        '"$@" -vpython-spec /dev/null s.py': "bare\n",
        'VPYTHON_DEFAULT_SPEC=/dev/null "$@" s.py': "bare\n",
    }
    for line, expected in lines.items():
        for _ in ("cold", "warm"):
            ended = subprocess.run(
                [bash, "-c", line, "bash", *command],
                cwd=stage.work, env=stage.surroundings(), capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert (ended.returncode, ended.stdout, ended.stderr) == (0, expected, ""), line


@pytest.mark.parametrize("door", DOORS)
def test_a_partner_that_is_the_null_device(stage: Stage, door: Door) -> None:
    stage.put(".vpython3", spec("one"))
    script = stage.put("s.py", WHICH)
    (stage.work / "s.py.vpython3").symlink_to(os.devnull)
    assert stage.warm(script, door=door) == (0, "bare\n", "")
    (stage.work / "s.py.vpython3").unlink()
    assert stage.see(script, door=door) == (0, "one\n", "")


def frozen(root: Path) -> None:
    settled(root)
    for parent, _, files in os.walk(root):
        for name in files:
            if not os.path.islink(os.path.join(parent, name)):
                os.chmod(os.path.join(parent, name), os.stat(os.path.join(parent, name)).st_mode & ~0o222)
        os.chmod(parent, 0o500)


def as_somebody() -> dict[str, int]:
    """For a superuser every file can be written: become somebody else."""
    return {"user": 65534, "group": 65534, "extra_groups": 0} if os.getuid() == 0 else {}


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can become somebody else for this")
def test_a_read_only_root_as_somebody_else(stage: Stage, tmp_path: Path) -> None:
    """A warm start writes nothing that it needs; a cold one says what it cannot do."""
    place = Path("/tmp") / f"vpython-test-{os.getpid()}"
    python = next(
        (path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if os.path.exists(path)), None
    )
    if python is None:
        pytest.skip("no Python that everybody may run")
    try:
        private = Stage(stage.yard, place, root=place / "root")
        (place / "python").mkdir()
        (place / "python" / "python3").symlink_to(python)
        file = place / "vp.pyz"
        shutil.copy(BUILT, file)
        private.put("s.py", WHICH)
        private.put("new.py", WHICH)
        private.environ["PATH"] = f"{place}/python:/usr/bin:/bin"
        for parent, _, names in os.walk(place):
            for name in ("", *names):
                os.chown(os.path.join(parent, name), 65534, 65534, follow_symlinks=False)

        def see(door: Door, word: str) -> tuple[int, str, str]:
            command = [str(file)] if door == "head" else [python, str(file)]
            ended = subprocess.run(
                [*command, word], cwd=private.work, env=private.surroundings({"PWD": str(private.work)}),
                capture_output=True, text=True, user=65534, group=65534, extra_groups=[],
            )  # fmt: skip
            return ended.returncode, ended.stdout, ended.stderr

        assert see("head", "s.py") == (0, "bare\n", "")
        frozen(private.root)
        before = private.remembered()
        for door in DOORS:
            for _ in range(2):
                assert see(door, "s.py") == (0, "bare\n", "")
            # Its environment is there: only the record cannot be kept.
            assert see(door, "new.py") == (0, "bare\n", "")
        private.put("new.py.vpython3", spec("one"))
        for door in DOORS:
            code, out, err = see(door, "new.py")
            assert (code, out) == (1, "")
            assert err.startswith("vpython: ")
            assert "Permission denied" in err
        assert private.remembered() == before
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(place)], check=False)
        settled(place / "root")
        shutil.rmtree(place)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_root_that_others_may_write(stage: Stage, tmp_path: Path, door: Door, mode: int) -> None:
    """Refused cold, and warm: what stands there may be another's."""
    private = Stage(stage.yard, tmp_path / "private", root=tmp_path / "private" / "root")
    private.seed()
    private.put("s.py", WHICH)
    fact = (
        f"vpython: the root `{private.root}` can be written by others\n\nhint: chmod go-w '{private.root}'\n"
    )
    if mode == 0o777:
        assert private.warm("s.py", door=door) == (0, "bare\n", "")
    private.root.chmod(mode)
    for words in (("s.py",), ("-S", "s.py"), ("-c", "")):
        assert private.see(*words, door=door) == (1, "", fact)
    private.root.chmod(0o700)
    assert private.see("s.py", door=door) == (0, "bare\n", "")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can give a directory away")
def test_a_root_of_another_user(stage: Stage, tmp_path: Path, door: Door) -> None:
    private = Stage(stage.yard, tmp_path / "private", root=tmp_path / "private" / "root")
    private.seed()
    private.put("s.py", WHICH)
    assert private.warm("s.py", door=door) == (0, "bare\n", "")
    os.chown(private.root, 65534, 65534)
    fact = f"vpython: the root `{private.root}` belongs to another user\n"
    code, out, err = private.see("s.py", door=door)
    assert (code, out) == (1, "")
    assert err.startswith(fact)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_umask(stage: Stage, tmp_path: Path, umask: int) -> None:
    """Nothing in the root is for others to write; the script has the mask as it was given."""
    for door in DOORS:
        private = Stage(stage.yard, tmp_path / door, root=tmp_path / door / "root")
        private.root.mkdir(mode=0o755)
        private.put("s.py.vpython3", spec("one"))
        script = private.put("s.py", "import os; print(oct(os.umask(0)))")
        command = [str(private.file)] if door == "head" else [str(BASE), str(private.file)]
        for _ in ("cold", "warm"):
            ended = subprocess.run(
                [*command, str(script)], env=private.surroundings(), cwd=private.work,
                capture_output=True, text=True, umask=umask,
            )  # fmt: skip
            assert (ended.stdout, ended.stderr) == (f"{oct(umask)}\n", "")
        settled(private.root)
        loose = [
            path for path in private.root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022
        ]
        assert loose == []


@pytest.mark.parametrize("door", DOORS)
def test_the_default_root(stage: Stage, tmp_path: Path, door: Door) -> None:
    """In the user's cache, named after the user; a cold and a warm start find the same."""
    uid = os.getuid()
    cases: list[tuple[dict[str, str | None], str]] = [
        ({"HOME": "{}/home"}, "{}/home/.cache"),
        ({"HOME": "{}/home", "XDG_CACHE_HOME": "{}/cache"}, "{}/cache"),
        ({"HOME": "{}/home", "XDG_CACHE_HOME": "cache"}, "{}/home/.cache"),
        ({"HOME": "{}/home", "XDG_CACHE_HOME": ""}, "{}/home/.cache"),
        ({"HOME": "{}/apple", "XDG_CACHE_HOME": None}, "{}/apple/Library/Caches"),
    ]
    for number, (env, place) in enumerate(cases):
        top = tmp_path / f"case{number}"
        (top / "apple/Library/Caches").mkdir(parents=True)
        (top / "home/.cache").mkdir(parents=True)
        for name in ("vpython-root.0.old", f"vpython-root.{uid + 1}"):
            (top / "home/.cache" / name).mkdir()
        root = Path(place.format(top)) / f"vpython-root.{uid}"
        private = Stage(stage.yard, top / "stage", root=root)
        private.seed()
        script = private.put("s.py", "import sys; print(sys.prefix)")
        changed = {name: text and text.format(top) for name, text in env.items()}
        changed["VPYTHON_VIRTUALENV_ROOT"] = None
        for _ in ("cold", "warm"):
            before = private.remembered()
            code, out, err = private.see(script, door=door, env=changed)
            assert (code, err) == (0, "")
            assert Path(out).is_relative_to(root)
        assert private.remembered() == before
        assert root.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("home", "fact"),
    [
        ("{}/file", "cannot read the root `{}/file/.cache/vpython-root.{uid}`: Not a directory"),
        ("/proc", "cannot make the root `/proc/.cache/vpython-root.{uid}`: No such file or directory"),
    ],
)
def test_no_place_for_a_root(stage: Stage, tmp_path: Path, door: Door, home: str, fact: str) -> None:
    stage.put("s.py", WHICH)
    (tmp_path / "file").write_text("")
    # Without a directory for temporary files either, which would do in place of a cache.
    env = {
        "HOME": home.format(tmp_path), "VPYTHON_VIRTUALENV_ROOT": None, "TMPDIR": str(tmp_path / "gone"),
    }  # fmt: skip
    expected = fact.format(tmp_path, uid=os.getuid())
    seen = stage.see("s.py", door=door, env=env)
    assert seen == (1, "", f"vpython: {expected}\n\nhint: name another with -vpython-root DIR\n")


@pytest.mark.parametrize("door", DOORS)
def test_a_root_that_is_no_directory(stage: Stage, tmp_path: Path, door: Door) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    stage.put("s.py", WHICH)
    seen = stage.see("s.py", door=door, env={"VPYTHON_VIRTUALENV_ROOT": str(file)})
    assert seen[:2] == (1, "")
    assert seen[2].startswith(f"vpython: the root `{file}` is not a directory\n")
    assert file.read_text() == "mine"


@pytest.mark.parametrize("door", DOORS)
def test_a_root_by_relative_name_and_behind_a_link(stage: Stage, door: Door) -> None:
    stage.put("s.py", "import sys; print(sys.prefix)")
    (stage.work / "link").symlink_to(stage.root)
    relative = os.path.relpath(stage.root, stage.work)
    for word in (relative, f"./{relative}", "link", str(stage.work / "link")):
        for how in ("option", "variable"):
            words = ("-vpython-root", word) if how == "option" else ()
            env = {"VPYTHON_VIRTUALENV_ROOT": word} if how == "variable" else None
            for _ in ("cold", "warm"):
                code, out, err = stage.see(*words, "s.py", door=door, env=env)
                assert (code, err) == (0, ""), word
                assert os.path.realpath(out.strip()).startswith(str(stage.root) + "/"), word
