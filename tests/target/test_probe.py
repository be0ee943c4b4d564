from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import packaging
import pytest

from tests.target.shared import TOP, VERSIONS, link, python, run, script, wrapper
from vpy.target import probe as module
from vpy.target.probe import ProbeError, probe

if TYPE_CHECKING:
    from pathlib import Path

    from vpy.model import Interpreter
    from vpy.system.layout import Layout

ENVIRON = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}


def ask(path: str, layout: Layout) -> Interpreter:
    return probe(path, layout=layout, environ=ENVIRON)


def refusal(path: str, layout: Layout) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        ask(path, layout)
    return caught.value


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_python_says(version: str, layout: Layout) -> None:
    executable = python(version)
    found = ask(executable, layout)
    assert found.executable == executable
    assert ".".join(map(str, found.version[:2])) == version
    assert found.version_text == run(executable, "import platform; print(platform.python_version())")
    assert found.implementation == "cpython"
    assert found.platform == run(executable, "import sysconfig; print(sysconfig.get_platform())")
    assert found.base_prefix == run(executable, "import sys; print(sys.base_prefix)")
    assert found.landmark == run(executable, "import os; print(os.__file__)")
    status = os.stat(executable)
    assert found.signature == (status.st_size, status.st_mtime_ns, status.st_ino)


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_markers_are_those_of_packaging(version: str, layout: Layout) -> None:
    vendored = os.path.dirname(os.path.dirname(packaging.__file__))
    own = run(
        python(version),
        f"import sys; sys.path.insert(0, {vendored!r})\nimport json\n"
        "from packaging.markers import default_environment\nprint(json.dumps(default_environment()))",
    )
    assert dict(ask(python(version), layout).markers) == json.loads(own)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["--symlinks", "--copies"])
def test_a_venv_leads_to_its_base_and_has_this_layout(
    version: str, kind: str, layout: Layout, tmp_path: Path
) -> None:
    base = python(version)
    inner = str(tmp_path / "venv" / "bin" / "python")
    made = [base, "-m", "venv", "--without-pip", kind, str(tmp_path / "venv")]
    subprocess.run(made, check=True, env=ENVIRON)
    assert ask(inner, layout).executable == base
    found = dict(ask(inner, layout).scheme)
    own = json.loads(run(inner, "import json, sysconfig; print(json.dumps(sysconfig.get_paths()))"))
    paths = {name: os.path.normpath(tmp_path / "venv" / path) for name, path in found.items()}
    assert {name: paths[name] for name in ("purelib", "platlib", "scripts", "data")} == {
        name: own[name] for name in ("purelib", "platlib", "scripts", "data")
    }
    assert found["headers"] == f"include/site/python{version}"


def test_a_venv_made_of_a_copied_venv_leads_to_the_base(layout: Layout, tmp_path: Path) -> None:
    base = python("3.9")
    one, two = tmp_path / "one", tmp_path / "two"
    make = ["-m", "venv", "--without-pip", "--copies"]
    subprocess.run([base, *make, str(one)], check=True, env=ENVIRON)
    subprocess.run([str(one / "bin" / "python"), *make, str(two)], check=True, env=ENVIRON)
    assert ask(str(two / "bin" / "python"), layout).executable == base


def test_headers_lie_where_pip_puts_them(layout: Layout, tmp_path: Path) -> None:
    base = python("3.12")
    subprocess.run([base, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, env=ENVIRON)
    vendored = os.path.dirname(os.path.dirname(packaging.__file__))
    headers = run(
        str(tmp_path / "venv" / "bin" / "python"),
        f"import sys; sys.path.insert(0, {vendored!r})\n"
        "from pip._internal.locations import get_scheme; print(get_scheme('greenlet').headers)",
    )
    assert headers == str(tmp_path / "venv" / dict(ask(base, layout).scheme)["headers"] / "greenlet")


def test_debian_packages_paths_are_not_a_venvs(layout: Layout) -> None:
    if not os.path.isdir("/usr/lib/python3/dist-packages"):
        pytest.skip("no Debian Python here")
    found = ask("/usr/bin/python3", layout)
    scheme = dict(found.scheme)
    assert scheme["purelib"] == f"lib/python3.{found.version[1]}/site-packages"
    assert (scheme["scripts"], scheme["data"]) == ("bin", ".")
    assert os.path.basename(found.executable) == f"python3.{found.version[1]}"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            {
                "purelib": "lib/python3/dist-packages",
                "platlib": "lib/python3/dist-packages",
                "scripts": "bin",
                "data": ".",
            },
            ("lib/python3.10/site-packages", "lib/python3.10/site-packages", "bin", "."),
        ),
        (
            {
                "purelib": "local/lib/python3.10/dist-packages",
                "platlib": "local/lib/python3.10/dist-packages",
                "scripts": "local/bin",
                "data": "local",
            },
            ("lib/python3.10/site-packages", "lib/python3.10/site-packages", "bin", "."),
        ),
        (
            {
                "purelib": "lib/python3.10/site-packages",
                "platlib": "lib64/python3.10/site-packages",
                "scripts": "bin",
                "data": ".",
            },
            ("lib/python3.10/site-packages", "lib64/python3.10/site-packages", "bin", "."),
        ),
        (
            {
                "purelib": "Lib/site-packages",
                "platlib": "Lib/site-packages",
                "scripts": "Scripts",
                "data": ".",
            },
            ("Lib/site-packages", "Lib/site-packages", "Scripts", "."),
        ),
    ],
)
def test_patched_schemes(told: dict[str, str], expected: tuple[str, ...]) -> None:
    found = dict(module._venv_scheme(told, "python3.10"))
    assert tuple(found[name] for name in ("purelib", "platlib", "scripts", "data")) == expected


def test_links_and_copies_in_odd_places(layout: Layout, tmp_path: Path) -> None:
    real = python("3.11")
    odd = link(str(tmp_path / "odd place" / "it's a python"), real)
    assert ask(odd, layout).executable == real
    copied = str(tmp_path / "ünï" / "python3")
    os.makedirs(os.path.dirname(copied))
    shutil.copy2(real, copied)
    found = ask(copied, layout)
    assert found.executable == copied
    assert found.landmark == ask(real, layout).landmark


def test_a_path_that_is_no_utf_8(layout: Layout, tmp_path: Path) -> None:
    real = python("3.11")
    place = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    copied = os.path.join(place, "python3")
    try:
        os.makedirs(place)
    except OSError:
        pytest.skip("this filesystem wants UTF-8")
    shutil.copy2(real, copied)
    assert ask(copied, layout).executable == copied
    assert ask(copied, layout).executable == copied


def test_asked_once(layout: Layout, children: list[str], tmp_path: Path) -> None:
    real = python("3.11")
    first = ask(real, layout)
    assert ask(real, layout) == first
    assert ask(link(str(tmp_path / "python3"), real), layout) == first
    assert children == [real]


def test_many_at_once_ask_once(layout: Layout, tmp_path: Path) -> None:
    """A Python that counts how often it is asked."""
    base = str(tmp_path / "bin" / "python3.11")
    os.makedirs(os.path.dirname(base))
    shutil.copy2(python("3.11"), base)
    code = f"""
import os, sys
sys.path[:0] = [{TOP!r}, {os.path.dirname(os.path.dirname(packaging.__file__))!r}]
from vpy.system import process
from vpy.system.layout import Layout
from vpy.target.probe import probe
really = process.run
def run(*words, **rest):
    os.close(os.open({str(tmp_path)!r} + "/asked-%d" % os.getpid(), os.O_CREAT))
    return really(*words, **rest)
process.run = run
print(probe({base!r}, layout=Layout({layout.root!r}), environ=dict(os.environ)).version_text)
"""
    started = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, env=ENVIRON)
        for _ in range(12)
    ]
    answers = {child.communicate()[0] for child in started}
    assert len(answers) == 1
    assert [child.returncode for child in started] == [0] * 12
    assert len([name for name in os.listdir(tmp_path) if name.startswith("asked-")]) == 1
    assert os.listdir(os.path.dirname(kept(layout))) == ["probe.json"]


def test_nobody_waits_for_one_who_was_killed(layout: Layout, tmp_path: Path) -> None:
    ask(python("3.11"), layout)
    path = kept(layout)
    os.unlink(path)
    lock = layout.lock("probe", os.path.basename(os.path.dirname(path))[:2])
    code = f"import sys, time; sys.path.insert(0, {TOP!r}); from vpy.target import probe\n"
    code += f"with probe.first_or_answer({lock!r}, lambda: None):\n    print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == b"\n"
        with concurrent.futures.ThreadPoolExecutor() as pool:
            other = pool.submit(ask, python("3.11"), layout)
            asking.kill()
            assert other.result(10).version[:2] == (3, 11)
    assert os.listdir(os.path.dirname(path)) == ["probe.json"]


def test_a_wrapper_is_asked_each_time(layout: Layout, children: list[str], tmp_path: Path) -> None:
    path = wrapper(str(tmp_path / "python3"), python("3.11"))
    assert ask(path, layout).executable == python("3.11")
    wrapper(str(tmp_path / "python3"), python("3.12"))
    assert ask(path, layout).executable == python("3.12")
    assert children == [path, path]


def test_a_python_that_changed_is_asked_again(layout: Layout, children: list[str], tmp_path: Path) -> None:
    path = str(tmp_path / "python3")
    shutil.copy2(python("3.11"), path)
    ask(path, layout)
    os.utime(path, ns=(1, 1))
    assert ask(path, layout).signature[1] == 1
    shutil.copy2(python("3.12"), path)
    assert ask(path, layout).version[1] == 12
    assert len(children) == 3


def test_a_copied_venv_whose_base_changed_is_asked_again(
    layout: Layout, children: list[str], tmp_path: Path
) -> None:
    base = str(tmp_path / "base" / "bin" / "python3.11")
    os.makedirs(os.path.dirname(base))
    shutil.copy2(python("3.11"), base)
    venv = tmp_path / "venv"
    subprocess.run([base, "-m", "venv", "--without-pip", "--copies", str(venv)], check=True, env=ENVIRON)
    inner = str(venv / "bin" / "python")
    assert ask(inner, layout).executable == base
    os.utime(base, ns=(1, 1))
    assert ask(inner, layout).signature[1] == 1
    assert len(children) == 2


def kept(layout: Layout) -> str:
    (name,) = os.listdir(layout.interpreters)
    return os.path.join(layout.interpreter(name), "probe.json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\xff",
        b"[]",
        b"{}",
        b"null",
        b'{"format": 1}',
        b'{"format": 0, "unsuitable": "is old"}',
        b'{"format": 1, "executable": 3}',
        b"[" * 100_000,
        "half",
        "tags",
        "platforms",
        "version",
        "landmark",
    ],
)
def test_a_damaged_memory_is_passed_over(content: bytes | str, layout: Layout, children: list[str]) -> None:
    from vpy.system import sealed

    first = ask(python("3.11"), layout)
    path = kept(layout)
    with open(path, "rb") as file:
        good = file.read()
    if content == "half":
        content = good[: len(good) // 2]
    elif isinstance(content, str):
        facts = sealed.load(good)
        facts[content] = {"tags": [[1, 2]], "platforms": [], "version": [3, 11], "landmark": "/nowhere"}[
            content
        ]
        content = sealed.dump(facts)
    os.chmod(path, 0o600)
    with open(path, "wb") as file:
        file.write(content)
    assert ask(python("3.11"), layout) == first
    assert len(children) == 2
    assert ask(python("3.11"), layout) == first
    assert len(children) == 2


def test_a_root_that_cannot_be_written(tmp_path: Path, children: list[str]) -> None:
    from vpy.system.layout import Layout

    (tmp_path / "file").write_text("")
    layout = Layout(str(tmp_path / "file"))
    assert ask(python("3.11"), layout) == ask(python("3.11"), layout)
    assert len(children) == 2


def test_remembering_imports_little(layout: Layout) -> None:
    executable = python("3.11")
    ask(executable, layout)
    code = f"""
import os, sys
sys.path.insert(0, {TOP!r})
import _json
from vpy.system import files
from vpy.system.lean import hashlib
from vpy.system.layout import Layout
before = set(sys.modules)
from vpy.target.template import target_for
from vpy.target.probe import probe
target_for(probe({executable!r}, layout=Layout({layout.root!r}), environ=dict(os.environ)))
print([name for name in sys.modules if name not in before and not name.startswith("vpy.")])
"""
    assert run(sys.executable, code, "-I", "-S") == "[]"


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_an_old_python_says_so(version: str, layout: Layout, children: list[str]) -> None:
    error = refusal(python(version), layout)
    assert error.reason.startswith(f"is Python {version}.")
    assert error.reason.endswith(", older than 3.8")
    asked = len(children)
    assert refusal(python(version), layout).reason == error.reason
    assert len(children) == asked


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#!/bin/sh\nexit 1\n", "is not a working Python: it ended with code 1"),
        (
            "#!/bin/sh\necho no such thing >&2\nexit 127\n",
            "is not a working Python: it ended with code 127: no such thing",
        ),
        ("#!/bin/sh\necho hello\n", "does not answer like a Python"),
        ("#!/bin/sh\n", "does not answer like a Python"),
        ("#!/bin/sh\nhead -c 100000 /dev/urandom\n", "does not answer like a Python"),
        ("#!/bin/sh\necho 'vpython-facts:{'\n", "does not answer like a Python"),
        ("#!/bin/sh\necho 'vpython-facts:[1]'\n", "does not answer like a Python"),
        (
            '#!/bin/sh\necho \'vpython-facts:{"implementation": "cpython", "version": [3, 11, 7], '
            '"version_text": "3.11.7", "venv": true}\'\n',
            "does not answer like a Python",
        ),
        ("#!/bin/sh\nkill -SEGV $$\n", "was killed by signal 11"),
        ("#!/bin/sh\nexec sleep 60\n", "gave no answer within 0.5 s, or was killed"),
        ("#!/nowhere/at/all\n", "cannot be started: No such file or directory"),
        ("not even a script", "cannot be started: Exec format error"),
    ],
)
def test_what_is_no_python(
    text: str, reason: str, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.5)
    path = script(str(tmp_path / "python3"), text)
    error = refusal(path, layout)
    assert error.reason == reason
    assert error.message == f"`{path}` {reason}"


def test_what_is_not_there(layout: Layout, tmp_path: Path) -> None:
    assert refusal(str(tmp_path / "python3"), layout).reason == "does not exist"
    assert refusal(str(tmp_path / "nothing"), layout).reason == "cannot be started: No such file or directory"
    os.mkdir(tmp_path / "python3.11")
    assert refusal(str(tmp_path / "python3.11"), layout).reason == "cannot be started: Permission denied"
    assert refusal(str(tmp_path / "a\0b"), layout).reason == "does not exist"


def changed_python(path: str, change: str) -> str:
    """A script that runs the probe's words in a Python that was made to look otherwise."""
    head = f"#!{python('3.11')}\nimport os, platform, sys, sysconfig, importlib.util\n"
    return script(path, f"{head}{change}\nexec(sys.argv[-1])\n")


def test_other_implementations_are_refused(layout: Layout, tmp_path: Path) -> None:
    path = changed_python(str(tmp_path / "python3"), "platform.python_implementation = lambda: 'GraalVM'")
    assert refusal(path, layout).reason.startswith("is neither CPython nor PyPy but graalvm 3.11")


def test_a_pypy(layout: Layout, tmp_path: Path) -> None:
    """Its directories have its own name, but for headers, which pip puts elsewhere."""
    change = (
        "platform.python_implementation = lambda: 'PyPy'\nknown = sysconfig.get_config_var\n"
        "sysconfig.get_config_var = lambda name: "
        "'.pypy311-pp73-x86_64-linux-gnu.so' if name == 'EXT_SUFFIX' else known(name)"
    )
    found = ask(changed_python(str(tmp_path / "pypy3"), change), layout)
    assert found.implementation == "pypy"
    assert str(found.tags[0]).startswith("pp311-pypy311_pp73-")
    told = {"purelib": "lib/pypy3.9/dist-packages", "platlib": "", "scripts": "local/bin", "data": "."}
    scheme = dict(module._venv_scheme(told, "pypy3.9"))
    assert (scheme["purelib"], scheme["platlib"]) == ("lib/pypy3.9/site-packages",) * 2
    assert (scheme["scripts"], scheme["headers"]) == ("bin", "include/site/python3.9")


def test_no_venv_module(layout: Layout, tmp_path: Path) -> None:
    path = changed_python(
        str(tmp_path / "python3"),
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'venv' else find(name)",
    )
    error = refusal(path, layout)
    assert error.reason.endswith("without the `venv` module")
    assert error.hint == "install the package that holds it (Debian: `python3.11-venv`)"


def test_a_library_in_a_zip_is_its_own_landmark(layout: Layout, tmp_path: Path) -> None:
    library = tmp_path / "python311.zip"
    library.write_bytes(b"")
    path = changed_python(str(tmp_path / "python3"), f"os.__file__ = {str(library / 'os.pyc')!r}")
    assert ask(path, layout).landmark == str(library)


def test_what_the_caller_set_does_not_steer_the_probe(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(3)")
    environ = ENVIRON | {
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": "/nowhere",
        "PYTHONEXECUTABLE": "/x",
        "__PYVENV_LAUNCHER__": "/x",
        "_PYTHON_HOST_PLATFORM": "win-arm64",
        "_PYTHON_PROJECT_BASE": "/x",
        "_PYTHON_SYSCONFIGDATA_NAME": "x",
    }
    found = probe(python("3.11"), layout=layout, environ=environ)
    assert found == probe(python("3.11"), layout=layout, environ=ENVIRON)
    assert found.platform != "win-arm64"


def test_a_vpython_behind_the_name_is_told_to_stay_out(layout: Layout, tmp_path: Path) -> None:
    test = '[ -n "$VPYTHON_BYPASS" ] && [ -z "$VPYTHON_INTERPRETER" ]'
    path = script(str(tmp_path / "python3"), f'#!/bin/sh\n{test} && exec {python("3.11")} "$@"\nexit 9\n')
    found = probe(path, layout=layout, environ=ENVIRON | {"VPYTHON_INTERPRETER": path})
    assert found.executable == python("3.11")
