"""Requirements files as specs: what they ask for, as pip reads them, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.spec.tree import CONFIG
from vpy.errors import UserError
from vpy.spec import discover, read, requirements_file
from vpy.spec.discover import Invocation

if TYPE_CHECKING:
    from pathlib import Path

    from vpy.model import Spec

HASH = "a" * 64
OTHER = "b" * 64


def spec_of(place: Path, text: str, **others: str) -> Spec:
    """Return the spec that a requirements file is; `others` are files beside it, by their stems."""
    path = place / "requirements.txt"
    path.write_text(text)
    for stem, other in others.items():
        (place / f"{stem}.txt").write_text(other)
    invocation = Invocation("none", cwd=str(place), spec="requirements.txt")
    return read.read(discover.discover(invocation, environ={}, config=CONFIG).source)


def mistakes(place: Path, text: str, **others: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        spec_of(place, text, **others)
    return [line.replace(f"{place}/", "") for line in caught.value.lines]


FILE = """\
# all of it
requests < 3   # not four
Rich[jupyter]>=13 ; python_version >= "3.8"
six==1.16.0 \\
  ; sys_platform != "win32"

-r more.txt
--requirement=deep/down.txt
-c constraints.txt
https://files.example/wheels/a_b-1.0-py3-none-any.whl
"""


def test_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    """The same requirements and constraints, in the same order."""
    from pip._internal.network.session import PipSession
    from pip._internal.req.constructors import install_req_from_parsed_requirement
    from pip._internal.req.req_file import parse_requirements

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "down.txt").write_text("idna\n-r ../again.txt\n")
    (tmp_path / "again.txt").write_text("attrs!=20.*\n")
    others = {"more": "click\n-r requirements.txt\n", "also": "idna<4"}
    others["constraints"] = "urllib3<2\n-r also.txt\n"
    spec = spec_of(tmp_path, FILE, **others)
    (tmp_path / "more.txt").write_text("click\n")  # pip itself refuses a file that names itself
    with PipSession() as session:
        rows = list(parse_requirements(str(tmp_path / "requirements.txt"), session))
    theirs = []
    for row in rows:
        each = install_req_from_parsed_requirement(row)
        text = f"{each.name} @ {each.link.url}" if each.link else str(each.req)
        if not row.constraint:
            theirs.append(f"{text}; {each.markers}" if each.markers else text)
    assert list(spec.dependencies) == theirs
    assert list(spec.resolution.constraints) == [row.requirement for row in rows if row.constraint]
    assert (spec.lock, spec.source, spec.requires_python) == (None, "", "")


def test_options(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        "--index-url https://one.example/simple\n-i https://two.example/simple\n"
        "--extra-index-url 'https://three.example/simple'\n--only-binary=:all:\n--prefer-binary\nsix\n",
    )
    assert spec.source == "index:https://one.example/simple"
    assert spec.resolution.indexes == ("https://three.example/simple",)
    assert spec.no_build == ("*",)


def test_a_wheel_beside_it(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "./wheels/a_b-1.0-py3-none-any.whl ; python_version > '3'\n")
    assert spec.dependencies == (
        f'a-b @ file://{tmp_path}/./wheels/a_b-1.0-py3-none-any.whl ; python_version > "3"',
    )


def test_with_hashes_it_is_its_own_lockfile(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        f"--require-hashes\nsix==1.16.0 --hash=sha256:{OTHER} --hash sha256:{HASH.upper()} \\\n"
        f"  --hash=sha512:{'c' * 128}\n    # via something\n-c constraints.txt\n-r more.txt\n",
        more=f'a[b]==1 ; python_version > "3" --hash=sha256:{HASH}',
        constraints="six<2",
    )
    assert spec.dependencies == ("six==1.16.0", 'a[b]==1; python_version > "3"')
    assert spec.lock is not None
    assert spec.lock.packages == (
        f"six==1.16.0 --hash=sha256:{HASH} --hash=sha256:{OTHER}",
        f'a[b]==1; python_version > "3" --hash=sha256:{HASH}',
    )
    assert spec.resolution.constraints == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("six>1 --hash=sha256:" + HASH, "requirements.txt:1:1: hashes, and not one version: `six>1`"),
        (f"a==1 --hash=sha256:{HASH}\n\nsix==1\n",
         "requirements.txt:3:1: no `--hash=sha256:` for `six`, as others in it have"),
        ("--require-hashes\nsix==1\n",
         "requirements.txt:2:1: no `--hash=sha256:` for `six`, which `--require-hashes` demands"),
        ("six==1 --hash=md5:0",
         "requirements.txt:1:1: no `--hash=sha256:` for `six`; other hashes are not compared"),
        ("-e .", "requirements.txt:1:1: an option that a spec cannot have: `--editable`"),
        ("--trusted-host x", "requirements.txt:1:1: an option that a spec cannot have: `--trusted-host`"),
        ("-r", "requirements.txt:1:1: an option that a spec cannot have: `--requirement`"),
        ("--frobnicate", "requirements.txt:1:1: an option that a spec cannot have: `--frobnicate`"),
        ("six --config-settings=a=b",
         "requirements.txt:1:1: an option that a requirement cannot have: `--config-settings`"),
        (".", "requirements.txt:1:1: a directory or a repository: `.`"),
        ("lib/x", "requirements.txt:1:1: a directory or a repository: `lib/x`"),
        ("git+https://x.example/y", "requirements.txt:1:1: a directory or a repository: `git+https://x.example/y`"),
        ("-r https://x.example/r.txt",
         "requirements.txt:1:1: a file named by a URL is not read: `https://x.example/r.txt`"),
        ("six\n${TOKEN}", "requirements.txt:2:1: a variable, which a spec cannot have: `${TOKEN}`"),
        ("-c more.txt", "more.txt:1:1: a constraint has no extras: `six[a]`"),
        ("-r gone.txt",
         "requirements.txt:1:1: cannot read the spec `gone.txt`: No such file or directory"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert mistakes(tmp_path, text, more="six[a]") == [expected]


def test_every_mistake_at_once(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "si x\n-f here\n-r more.txt\n", more="\n==\n")
    assert [each.partition(" ")[0] for each in found] == [
        "requirements.txt:1:1:", "requirements.txt:2:1:", "more.txt:2:1:",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("requirements.txt", True), ("dev-requirements.txt", True), ("requirements/dev.txt", True),
        ("requirements_3.txt", True), ("tool.py.uv.lock", True), ("tool.py.lock", False),
        ("notes.txt", False),
        ("requirements", False), ("requirements.in", False), ("requirements/a/b.txt", False),
    ],
)  # fmt: skip
def test_names(path: str, is_one: bool) -> None:
    assert requirements_file.is_named_like_one(path) is is_one


def test_a_text_spec_of_another_name(tmp_path: Path) -> None:
    (tmp_path / "spec.txt").write_text('python_version: "3.11"')
    invocation = Invocation("none", cwd=str(tmp_path), spec="spec.txt")
    assert discover.discover(invocation, environ={}, config=CONFIG).source.format == "text"
