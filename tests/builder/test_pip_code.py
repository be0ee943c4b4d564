"""What pip imports for our two jobs has compiled code in the file: what was left out is not missed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from packaging import markers, tags

from tests.builder.bundle import Bundle
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

MORE = "pip-more.zip"
# Runs one of our programs as it is run in earnest, and tells on its last line of stderr what it imported.
TRACE = """
import json, os, runpy, sys
sys.argv = sys.argv[1:]
end = os._exit
os._exit = lambda _: None
runpy.run_path(sys.argv[0], run_name="__main__")
rows = {name: getattr(module.__spec__, "cached", None) or module.__file__
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == "pip" and getattr(module, "__spec__", None) and module.__file__}
print(json.dumps(rows), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def library(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `pip.zip` that the built file carries; beside it the rest of pip, and our own drivers."""
    place = tmp_path_factory.mktemp("app")
    with zipfile.ZipFile(built) as outer:
        for part in ("pip.zip", MORE):
            outer.extract(part, place)
        app = Bundle(outer, "app.bundle")
        for member in app.namelist():
            if member.startswith(("vpy/", "bootstrap/", "vendor/")) and not member.endswith("/"):
                (place / member).parent.mkdir(parents=True, exist_ok=True)
                (place / member).write_bytes(app.read(member))
    return place / "pip.zip"


def imported(library: Path, program: str, *rows: Mapping[str, Any]) -> tuple[list[Any], set[str]]:
    """pip's answers, and the modules it imported from source. Only downloads need the rest of pip."""
    child = library.parent / "vpy" / "wheels" / f"{program}.pyc"
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", TRACE, str(child), str(library), str(library.parent / MORE)],
        input="".join(json.dumps(row) + "\n" for row in rows) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PIP_CONFIG_FILE": "/dev/null", "HOME": str(library.parent), "PIP_RETRIES": "0"},
    )
    modules = json.loads(ended.stderr.splitlines()[-1])
    assert len(modules) > 50
    names = {}
    for part in (library, library.parent / MORE):
        with zipfile.ZipFile(part) as archive:
            names[str(part)] = set(archive.namelist())
    sources, used = set(), set()
    for module, file in modules.items():
        (place,) = (place for place in names if file.startswith(f"{place}/"))
        used.add(place)
        if f"{file[len(place) + 1 :].removesuffix('c')}c" not in names[place]:
            sources.add(module)
    assert (str(library.parent / MORE) in used) == (program == "pip_download")
    return [json.loads(line) for line in ended.stdout.splitlines()], sources


def download_job(directory: Path, links: Path, *requirements: str, **changed: Any) -> dict[str, Any]:
    directory.mkdir()
    (links / "simple").mkdir(parents=True, exist_ok=True)
    for wheel in links.glob("*.whl"):
        project = links / "simple" / wheel.name.partition("-")[0]
        project.mkdir(exist_ok=True)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        row = f'<a href="{wheel.as_uri()}#sha256={digest}">{wheel.name}</a>'
        (project / "index.html").write_text(f"<!DOCTYPE html><html><body>{row}</body></html>")
    return {
        "directory": str(directory),
        "requirements": [{"text": text, "hashes": []} for text in requirements],
        "dependencies": True,
        "tags": [[tag.interpreter, tag.abi, tag.platform] for tag in tags.sys_tags()],
        "markers": dict(markers.default_environment()),
        "version": list(sys.version_info[:3]),
        "index": (links / "simple").as_uri(),
    } | changed


def test_download(library: Path, tmp_path: Path) -> None:
    links = tmp_path / "links"
    make_wheel(links, "base", requires=("plain>=1",))
    make_wheel(links, "plain")
    (answer,), sources = imported(library, "pip_download", download_job(tmp_path / "out", links, "base"))
    assert [row["filename"] for row in answer["wheels"]] == [
        path.name for path in sorted(links.glob("*.whl"))
    ]
    assert sources == set()


@pytest.mark.parametrize(
    ("requirement", "kind"),
    [
        ("absent", "project"),
        ("plain==2", "version"),
        ("alien", "wheel"),
        ("base", "conflict"),
        ("x ==", "other"),
    ],
)
def test_download_that_fails(library: Path, tmp_path: Path, requirement: str, kind: str) -> None:
    links = tmp_path / "links"
    make_wheel(links, "base", requires=("plain<1",))
    make_wheel(links, "plain")
    make_wheel(links, "alien", tag="cp27-cp27mu-win32")
    (answer,), sources = imported(
        library, "pip_download", download_job(tmp_path / "out", links, requirement, "plain")
    )
    assert [row["kind"] for row in answer["errors"]][:1] in ([kind], ["version"])
    assert sources == set()


def test_download_over_a_network(library: Path, tmp_path: Path) -> None:
    job = download_job(tmp_path / "out", tmp_path, "plain", index="http://127.0.0.1:9/simple/")
    (answer,), sources = imported(library, "pip_download", job)
    assert [row["kind"] for row in answer["errors"]] == ["network"]
    assert sources == set()


def test_install(library: Path, tmp_path: Path) -> None:
    wheels = [
        make_wheel(tmp_path, "tool", scripts={"tool": "tool:main"}),
        make_wheel(
            tmp_path,
            "data",
            files={"data-1.0.data/data/share/x": "", "data-1.0.data/scripts/s": "#!python\n"},
        ),
    ]
    (tmp_path / "broken-1.0-py3-none-any.whl").write_bytes(b"no zip")
    wheels.append(tmp_path / "broken-1.0-py3-none-any.whl")
    rows = [
        {
            "number": number,
            "name": wheel.name.partition("-")[0],
            "filename": wheel.name,
            "path": str(wheel),
            "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
            "directory": str(tmp_path / f"making-{number}"),
            "final": str(tmp_path / f"made-{number}"),
            "scheme": {key: key for key in ("platlib", "purelib", "headers", "scripts", "data")},
        }
        for number, wheel in enumerate(wheels)
    ]
    settings = {"placeholder": "/placeholder/python", "version": [3, 11], "workers": 1}
    answers, sources = imported(library, "pip_install", settings, *rows)
    assert [answer["kind"] for answer in answers] == ["", "", "refused"]
    tool = tmp_path / "made-0" / "tree" / "scripts" / "tool"
    assert tool.read_text().startswith("#!/placeholder/python\n")
    assert sources == set()
