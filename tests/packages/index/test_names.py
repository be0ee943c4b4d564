"""What package names and versions mean on an index."""

from __future__ import annotations

import pytest

from vpy.config import load
from vpy.errors import UserError
from vpy.model import Wanted
from vpy.packages.index.names import project_of, public_requirement, requirement_for

CONFIG = load()

MEANINGS = {
    ("requests-py3", "version:2.31.0"): "requests==2.31.0",
    ("requests-py2_py3", "version:2.31.0"): "requests==2.31.0",
    ("six_py2_py3", "version:1.10.0"): "six==1.10.0",
    ("enum34-py2", "version:1.1.6"): "enum34==1.1.6",
    ("plain", "version:1.0"): "plain==1.0",
    ("psutil/linux-amd64_cp311_cp311", "version:5.8.0"): "psutil==5.8.0",
    ("psutil/linux-amd64_cp36_abi3", "version:5.8.0.chromium.3"): "psutil==5.8.0",
    ("zope.interface/mac-arm64", "version:5.4+chromium.1"): "zope.interface==5.4",
    ("mypy-extensions-py3", "version:1.0-chromium.1"): "mypy-extensions==1.0",
    ("cffi/x", "version:2@1.15.1.chromium.2"): "cffi==1.15.1",
    ("local-py3", "version:1.0+ours.2"): "local==1.0+ours.2",
    ("numpy/linux-amd64_cp311_cp311", "version:1.2x.supported.1"): "numpy>=1.20,<1.30",
    ("numpy/linux-amd64_cp311_cp311", "version:2@1.2x.supported.12.chromium.3"): "numpy>=1.20,<1.30",
    ("local-py3", "version:1.0-ours.2"): "local==1.0+ours.2",
    ("local-py3", "version:1.0-ours-2"): "local==1.0+ours-2",
    ("post-py3", "version:1.0-2"): "post==1.0-2",
    ("py3-py3", "version:1!2.0rc1"): "py3==1!2.0rc1",
}


@pytest.mark.parametrize("case", MEANINGS, ids=lambda case: " ".join(case))
def test_packages_that_are_projects(case: tuple[str, str]) -> None:
    name, version = case
    wanted = Wanted(name=CONFIG.wheel_prefix + name, template="", version=version)
    requirement, note = requirement_for(wanted, CONFIG)
    assert requirement == MEANINGS[case]
    assert bool(note) == ("chromium" in version or "supported" in version)
    assert project_of(requirement) == name.partition("/")[0].removesuffix("-py3").removesuffix(
        "-py2"
    ).replace("-py2_py3", "").removesuffix("_py2_py3")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("infra/3pp/tools/git/linux-amd64", "version:2@2.40"),
        ("infra/python/wheels/", "version:1"),
        ("infra/python/wheels/-py3", "version:1"),
        ("infra/python/wheels/a b-py3", "version:1"),
        ("infra/python/wheels/--index-url=http:-py3", "version:1"),
        ("infra/python/wheels/x-py3", "latest"),
        ("infra/python/wheels/x-py3", "version:"),
        ("infra/python/wheels/x-py3", "version:.chromium.1"),
        ("infra/python/wheels/x-py3", "version:one"),
        ("infra/python/wheels/x-py3", "version:1\n--index-url=http://elsewhere"),
        ("infra/python/wheels/x-py3", "version:1 --index-url http://elsewhere"),
        ("infra/python/wheels/x-py3", "version:1,>0"),
        ("infra/python/wheels/x-py3", "git_revision:abc"),
    ],
)
def test_packages_that_are_none(name: str, version: str) -> None:
    with pytest.raises(UserError):
        requirement_for(Wanted(name=name, template=name, version=version), CONFIG)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo==1.2.3.chromium.4", "foo==1.2.3"),
        ("foo == 1.2.3-chromium.4 ; os_name == 'posix'", "foo == 1.2.3 ; os_name == 'posix'"),
        ("foo[a]==1.0.chromium.1,!=2", "foo[a]==1.0,!=2"),
        ("foo==1.2.3+chromium.4", "foo==1.2.3+chromium.4"),
        ("foo>=1", "foo>=1"),
        ("chromium==1.0", "chromium==1.0"),
    ],
)
def test_requirements_with_a_build_number(text: str, expected: str) -> None:
    assert public_requirement(text)[0] == expected
