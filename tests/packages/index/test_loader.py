"""The index source against real indexes on loopback: what is got, kept, got again, and refused."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.packages.conftest import SimpleIndex
from vpy.config import load
from vpy.errors import ToolError, UserError, VpythonError
from vpy.model import Observation, Pin, Resolution, Tags, Wanted, WheelFile
from vpy.operations.package_contents import get_wheels
from vpy.operations.source_setting import parse
from vpy.packages.cipd import names as cipd_names
from vpy.packages.index.loader import IndexLoader
from vpy.system.lean.dataclasses import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from tests.wheels.conftest import MakeWheel
    from vpy.config import Config
    from vpy.model import Interpreter
    from vpy.packages.index.loader import Ask, Heard
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.pip_runner import HostPython

    Serve = Callable[[str], SimpleIndex]

CONFIG = replace(load(), contact="ask the people who build wheels")
PREFIX = CONFIG.wheel_prefix


@value
class Resolved:
    """Wheels that an index came to, fetched; their pins, and lines for stderr."""

    wheels: tuple[WheelFile, ...]
    pins: tuple[Pin, ...]
    notes: tuple[str, ...]
    observations: tuple[Observation, ...]


@value
class Index:
    """Settings of an `IndexLoader`; each question goes to a new one, as of a new process."""

    config: Config
    layout: Layout
    interpreter: Interpreter
    source: str
    environ: Mapping[str, str]
    home: str
    offline: bool
    ask: Ask
    stored: Callable[[str], bool]

    def packages(self, packages: Sequence[Wanted]) -> Resolved:
        return self._resolved(lambda loader: loader.resolve(packages))

    def dependencies(self, dependencies: Sequence[str]) -> Resolved:
        return self._resolved(lambda loader: loader.resolve((), dependencies))

    def exactly(self, requirements: Sequence[str]) -> Resolved:
        return self._resolved(lambda loader: loader.resolve_exact(requirements))

    def _resolved(self, resolve: Callable[[IndexLoader], Resolution]) -> Resolved:
        loader = IndexLoader(
            config=self.config,
            layout=self.layout,
            interpreter=self.interpreter,
            source=parse(self.source, {}).members[0],
            environ=self.environ,
            home=self.home,
            offline=self.offline,
            ask=self.ask,
            is_installed=self.stored,
        )
        resolution = resolve(loader)
        paths = loader.fetch(resolution.pins)
        wheels = get_wheels(resolution.pins, self.interpreter.tags, self.layout)
        assert wheels is not None
        assert tuple(wheel.path for wheel in wheels) == paths
        return Resolved(wheels, resolution.pins, resolution.notes, resolution.observations)


def package(name: str, version: str) -> Wanted:
    return Wanted(name=PREFIX + name, template=PREFIX + name, version=f"version:{version}")


@pytest.fixture
def calls() -> list[Mapping[str, Any]]:
    """Every job that pip was started for."""
    return []


@pytest.fixture
def served(make_wheel: MakeWheel, simple_index: Serve) -> SimpleIndex:
    make_wheel("plain", "1.0", {"plain.py": ""})
    make_wheel("plain", "1.1", {"plain.py": ""})
    make_wheel("plain", "2.0", {"plain.py": ""})
    make_wheel(
        "base",
        "1.0",
        {"base.py": ""},
        metadata="Requires-Dist: plain<2\nRequires-Dist: alien; os_name=='none'\n",
    )
    make_wheel(
        "extra",
        "1.0",
        {"extra.py": ""},
        metadata="Provides-Extra: more\nRequires-Dist: plain>=2; extra=='more'\n",
    )
    make_wheel("alien", "3.0", {"alien.py": ""}, tag="cp27-cp27mu-win32")
    return simple_index("wheels")


@pytest.fixture
def index(
    served: SimpleIndex,
    current: Interpreter,
    host: HostPython,
    layout: Layout,
    terminal: Terminal,
    tmp_path: Path,
    calls: list[Mapping[str, Any]],
) -> Index:
    """An index whose own environment names no other, with short timeouts."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "0",
        "PIP_TIMEOUT": "5",
    }

    def ask(job: Mapping[str, Any], heard: Heard | None) -> dict[str, Any]:
        calls.append(job)
        return host.ask(job, environ=environ, terminal=terminal, heard=heard)

    return Index(
        config=CONFIG,
        layout=layout,
        interpreter=current,
        source=f"index:{served.url}",
        environ=environ,
        home=environ["HOME"],
        offline=False,
        ask=ask,
        stored=lambda _: False,
    )


def refused(index: Index, *packages: Wanted) -> VpythonError:
    with pytest.raises(VpythonError) as caught:
        index.packages(packages)
    return caught.value


def refused_requirements(index: Index, *requirements: str) -> VpythonError:
    with pytest.raises(VpythonError) as caught:
        index.dependencies(requirements)
    return caught.value


def filenames(answer: Any) -> list[str]:
    return [wheel.filename for wheel in answer.wheels]


def test_packages_are_projects_without_their_dependencies(index: Index) -> None:
    answer = index.packages(
        [package("base-py3", "1.0"), package("plain/linux-amd64_cp311", "1.1.chromium.4")]
    )
    assert filenames(answer) == ["base-1.0-py3-none-any.whl", "plain-1.1-py3-none-any.whl"]
    assert answer.notes == ("`plain` 1.1.chromium.4 is taken as 1.1: an index has only that",)
    base, plain = answer.pins
    assert (base.name, base.version) == (PREFIX + "base-py3", "version:1.0")
    assert (plain.name, plain.version) == (PREFIX + "plain/linux-amd64_cp311", "version:1.1.chromium.4")
    assert [wheel.package for wheel in answer.wheels] == [base.name, plain.name]
    for wheel, pin in zip(answer.wheels, answer.pins, strict=True):
        with open(wheel.path, "rb") as file:
            digest = hashlib.sha256(file.read())
        assert digest.hexdigest() == wheel.sha256
        assert cipd_names.instance_id(digest.digest()) == pin.instance_id
        assert wheel.path == index.layout.package(pin.instance_id)
        assert os.stat(wheel.path).st_mode & 0o777 == 0o444


def test_requirements_bring_their_dependencies(index: Index) -> None:
    answer = index.dependencies(["base", "alien; python_version < '3'"])
    assert filenames(answer) == ["base-1.0-py3-none-any.whl", "plain-1.1-py3-none-any.whl"]
    assert [(pin.name, pin.version) for pin in answer.pins] == [("base", "1.0"), ("plain", "1.1")]
    assert filenames(index.dependencies(["extra[more]"])) == [
        "extra-1.0-py3-none-any.whl",
        "plain-2.0-py3-none-any.whl",
    ]


def test_markers_are_the_targets_own(index: Index, make_wheel: MakeWheel) -> None:
    """pip runs on this Python, yet a requirement for another target is judged for that one."""
    markers = {**dict(index.interpreter.markers), "python_version": "3.8", "sys_platform": "elsewhere"}
    other = replace(
        index, interpreter=replace(index.interpreter, version=(3, 8, 18), markers=tuple(markers.items()))
    )
    make_wheel(
        "picky", "1.0", {"picky.py": ""},
        metadata="Requires-Dist: plain==1.0; python_version=='3.8'\n"
        "Requires-Dist: base; sys_platform!='elsewhere'\n",
    )  # fmt: skip
    assert filenames(other.dependencies(["picky"])) == [
        "picky-1.0-py3-none-any.whl",
        "plain-1.0-py3-none-any.whl",
    ]


def test_resolved_once(index: Index, served: SimpleIndex, calls: list[Any], make_wheel: MakeWheel) -> None:
    first = index.dependencies(["plain", "base"])
    make_wheel("plain", "1.9", {"plain.py": ""})
    served.asked.clear()
    assert index.dependencies(["base", "plain"]) == first
    assert replace(index, offline=True).dependencies(["base", "plain"]) == first
    assert (len(calls), served.asked) == (1, [])
    assert filenames(index.dependencies(["base", "plain>=1.5,<2"])) == [
        "base-1.0-py3-none-any.whl",
        "plain-1.9-py3-none-any.whl",
    ]


def test_the_target_is_part_of_the_question(index: Index, calls: list[Any]) -> None:
    index.dependencies(["plain"])
    fewer = replace(index.interpreter, tags=Tags.of(index.interpreter.tags[1:]))
    replace(index, interpreter=fewer).dependencies(["plain"])
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["gone", "truncated"])
def test_files_are_got_again_by_hash(
    index: Index, calls: list[Any], make_wheel: MakeWheel, damage: str
) -> None:
    first = index.dependencies(["base"])
    path = first.wheels[1].path
    os.chmod(path, 0o644)
    os.unlink(path) if damage == "gone" else os.truncate(path, 10)
    make_wheel("plain", "1.9", {"plain.py": ""})
    assert index.dependencies(["base"]) == first
    assert calls[1]["requirements"] == [{"text": "plain==1.1", "hashes": [first.wheels[1].sha256]}]
    assert calls[1]["dependencies"] is False
    with open(path, "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == first.wheels[1].sha256


def test_installed_wheels_need_no_files(index: Index, calls: list[Any]) -> None:
    first = index.dependencies(["base"])
    for wheel in first.wheels:
        os.unlink(wheel.path)
    assert replace(index, stored=lambda _: True).dependencies(["base"]) == first
    assert len(calls) == 1


def test_other_bytes_are_refused(index: Index, make_wheel: MakeWheel) -> None:
    first = index.dependencies(["plain==1.0"])
    os.unlink(first.wheels[0].path)
    other = make_wheel("plain", "1.0", {"plain.py": "tampered = True\n"})
    error = refused_requirements(index, "plain==1.0")
    assert isinstance(error, ToolError)
    assert error.message == (
        f"other bytes than pinned for `plain==1.0`: sha256 `{other.sha256}`, not `{first.wheels[0].sha256}`"
    )
    assert not os.path.exists(first.wheels[0].path)


def test_local_versions_fall_back_to_the_public_one(index: Index, make_wheel: MakeWheel) -> None:
    make_wheel("plain", "1.1+ours.2", {"plain.py": ""})
    answer = index.dependencies(["plain==1.1+ours.2", "base==1.0+chromium.1"])
    assert filenames(answer) == ["base-1.0-py3-none-any.whl", "plain-1.1+ours.2-py3-none-any.whl"]
    assert answer.notes == ("`base` 1.0+chromium.1 is taken as 1.0: the index has only that",)
    assert index.dependencies(["base==1.0+chromium.1", "plain==1.1+ours.2"]).notes == answer.notes
    again = index.dependencies(["base==1.0.chromium.7"])
    assert filenames(again)[0] == "base-1.0-py3-none-any.whl"
    assert again.notes == ("`base==1.0.chromium.7` is taken as `base==1.0`: an index has only that",)


def test_everything_missing_is_told_at_once(index: Index, calls: list[Any]) -> None:
    error = refused(
        index, package("plain-py3", "9"), package("alien-py3", "3.0"), package("ghost-py3", "1.0")
    )
    best = index.interpreter.tags[0]
    assert isinstance(error, UserError)
    assert error.message.splitlines() == [
        "no version fits `plain==9`: there is 1.0, 1.1, 2.0",
        f"no wheel of `alien==3.0` fits `{best}`: there is `alien-3.0-cp27-cp27mu-win32.whl`",
        "the index has no project `ghost`",
    ]
    assert error.hint == CONFIG.contact
    assert len(calls) == 1


def test_a_failure_is_not_remembered(index: Index, make_wheel: MakeWheel) -> None:
    refused(index, package("late-py3", "1.0"))
    make_wheel("late", "1.0", {"late.py": ""})
    assert filenames(index.packages([package("late-py3", "1.0")])) == ["late-1.0-py3-none-any.whl"]


def test_missing_dependencies_say_who_wants_them(index: Index, make_wheel: MakeWheel) -> None:
    make_wheel("needy", "1.0", {"needy.py": ""}, metadata="Requires-Dist: ghost>=2\n")
    error = refused_requirements(index, "needy")
    assert error.message == "the index has no project `ghost` (wanted by needy 1.0)"


def test_contradictions_name_both_sides(index: Index) -> None:
    error = refused_requirements(index, "base", "plain>=2")
    assert error.message.splitlines() == [
        "the requirements contradict each other: `base`, `plain>=2`",
        "because `base` 1.0 needs `plain<2`",
    ]
    assert error.hint == "`plain==1.1` would go with the rest"


def test_an_extra_that_a_project_does_not_have(index: Index) -> None:
    answer = index.dependencies(["extra[moore]"])
    assert filenames(answer) == ["extra-1.0-py3-none-any.whl"]
    assert answer.notes == ("`extra` 1.0 has no extra `moore`",)
    assert index.dependencies(["extra[moore]"]).notes == answer.notes


def test_sources_are_listed_and_never_built(index: Index, served: SimpleIndex, tmp_path: Path) -> None:
    (tmp_path / "wheels" / "crude-1.0.tar.gz").write_bytes(b"never opened")
    best = index.interpreter.tags[0]
    assert refused(index, package("crude-py3", "1.0")).message == (
        f"no wheel of `crude==1.0` fits `{best}`: there is `crude-1.0.tar.gz`"
    )
    url = served.url.replace("/simple/", "/files/crude-1.0.tar.gz")
    served.asked.clear()
    assert refused_requirements(index, f"crude @ {url}").message == (
        f"pip found no resolution: `crude @ {url}` is not a wheel"
    )
    assert served.asked == []


def test_requires_python_of_the_target(index: Index, served: SimpleIndex, make_wheel: MakeWheel) -> None:
    make_wheel("modern", "1.0", {"modern.py": ""})
    served.requires["modern-1.0-py3-none-any.whl"] = "&gt;=4"
    assert refused(index, package("modern-py3", "1.0")).message == (
        f"no version of `modern==1.0` is for Python {'.'.join(map(str, index.interpreter.version))}: "
        "1.0 needs `>=4`"
    )


def test_a_wheel_by_address(index: Index, served: SimpleIndex, calls: list[Any]) -> None:
    url = served.url.replace("/simple/", "/files/plain-2.0-py3-none-any.whl")
    first = index.dependencies([f"plain @ {url}"])
    assert filenames(first) == ["plain-2.0-py3-none-any.whl"]
    os.unlink(first.wheels[0].path)
    assert index.dependencies([f"plain @ {url}"]) == first
    assert calls[1]["requirements"] == [{"text": f"plain @ {url}", "hashes": [first.wheels[0].sha256]}]


@pytest.mark.parametrize("trouble", ["refused", "500", "half"])
def test_an_index_out_of_order(
    index: Index, served: SimpleIndex, make_wheel: MakeWheel, trouble: str
) -> None:
    """No answer is better than one that lacks what could not be asked for just now."""
    other = SimpleIndex(served.folder)
    if trouble == "refused":
        other.server.server_close()
        index = replace(index, source=f"index:{other.url}")
    elif trouble == "500":
        served.status = 500
    else:
        served.broken.add("plain")
    error = refused_requirements(index, "base", "plain")
    assert isinstance(error, ToolError)
    assert error.message.startswith("cannot ask the index: ")
    assert error.hint == "with -vpython-offline only what was resolved before is used"
    other.server.server_close()


def test_a_broken_extra_index_is_not_passed_over(
    index: Index, served: SimpleIndex, simple_index: Serve
) -> None:
    other = simple_index("others")
    other.status = 503
    environ = {**index.environ, "PIP_INDEX_URL": served.url, "PIP_EXTRA_INDEX_URL": other.url}
    whole = with_environ(replace(index, source="index"), environ)
    assert refused_requirements(whole, "plain").message.startswith("cannot ask the index: ")
    other.status = 404
    assert filenames(whole.dependencies(["plain"])) == ["plain-2.0-py3-none-any.whl"]


@pytest.mark.parametrize("status", [401, 403])
def test_an_index_that_denies_access_is_not_one_without_the_project(
    index: Index, served: SimpleIndex, status: int
) -> None:
    served.status = status
    error = refused_requirements(index, "plain")
    assert isinstance(error, ToolError)
    assert error.message == f"the index refuses access to `plain`: status {status}: `{served.url}plain/`"
    assert "~/.netrc" in str(error.hint)


@pytest.mark.parametrize("status", [400, 418, 451])
def test_an_index_that_shows_no_page_is_not_one_without_the_project(
    index: Index, served: SimpleIndex, status: int
) -> None:
    served.status = status
    error = refused_requirements(index, "plain")
    assert isinstance(error, ToolError)
    assert error.message == f"the index shows no page of `plain`: status {status}: `{served.url}plain/`"


@pytest.mark.parametrize(
    ("location", "fact"),
    [
        ("ftp://user:secret@example/", "a redirect to `ftp://example/`, which pip refuses"),
        ("/simple/plain/", "Exceeded 30 redirects"),
    ],
)
def test_a_redirect_that_leads_nowhere(index: Index, served: SimpleIndex, location: str, fact: str) -> None:
    served.location = location
    error = refused_requirements(index, "plain")
    assert isinstance(error, ToolError)
    assert error.message == f"the index shows no page of `plain`: {fact}: `{served.url}plain/`"


def test_one_odd_link_does_not_spoil_a_page(index: Index, served: SimpleIndex) -> None:
    served.links = [
        "http://[odd/plain-9.0-py3-none-any.whl",
        "http://user:secret@odd:port/x-1-py3-none-any.whl",
    ]
    assert filenames(index.dependencies(["plain"])) == ["plain-2.0-py3-none-any.whl"]


def test_a_page_of_odd_links_alone(index: Index, served: SimpleIndex) -> None:
    served.links = ["http://user:secret@[odd/gizmo-9.0-py3-none-any.whl"]
    error = refused_requirements(index, "gizmo")
    assert isinstance(error, ToolError)
    assert error.message == (
        "the index shows no page of `gizmo`: a link `[odd/gizmo-9.0-py3-none-any.whl` (Invalid IPv6 URL):"
        f" `{served.url}gizmo/`"
    )


@pytest.mark.parametrize(
    ("address", "fact"),
    [
        ("htp://user:secret@example/simple", "its address is neither http, https nor file"),
        (
            "http://user:secret@example.invalid/simple",
            "it is plain http, from a host that pip does not trust",
        ),
    ],
)
def test_an_index_that_pip_leaves_out(index: Index, address: str, fact: str) -> None:
    whole = with_environ(replace(index, source="index"), {**index.environ, "PIP_INDEX_URL": address})
    error = refused_requirements(whole, "plain")
    assert isinstance(error, ToolError)
    shown = address.replace("user:secret@", "")
    assert error.message == f"pip does not ask the index for `plain`: {fact}: `{shown}`"
    assert error.hint == "give it an address with https, or name its host in pip's `trusted-host`"


@pytest.mark.parametrize(
    ("setting", "text", "fact"),
    [
        ("timeout", "soon", "option timeout: invalid floating-point value: 'soon'"),
        ("retries", "many", "option retries: invalid integer value: 'many'"),
    ],
)
@pytest.mark.parametrize("by", ["variable", "file"])
def test_a_misspelt_setting_of_pip_is_named_with_its_place(
    index: Index, tmp_path: Path, setting: str, text: str, fact: str, by: str
) -> None:
    config = tmp_path / "own.conf"
    config.write_text(f"[global]\n{setting} = {text}\n" if by == "file" else "")
    environ = {**index.environ, "PIP_CONFIG_FILE": str(config)}
    if by == "variable":
        environ[f"PIP_{setting.upper()}"] = text
    error = refused_requirements(with_environ(replace(index, source="index"), environ), "plain")
    place = config if by == "file" else f"PIP_{setting.upper()}"
    assert isinstance(error, ToolError)
    assert error.message == f"pip cannot read its configuration: {fact}, in `{place}`"


def with_environ(index: Index, environ: Mapping[str, str]) -> Index:
    """The same index for another environment, in which pip runs too."""
    import sys

    from tests.wheels.conftest import TOP
    from vpy.system.terminal import Terminal
    from vpy.wheels.pip_runner import HostPython

    host = HostPython(sys.executable, os.path.join(TOP, "build", "vendor"), os.path.join(TOP, "vpy/wheels"))
    terminal = Terminal("error")

    def ask(job: Mapping[str, Any], heard: Heard | None) -> dict[str, Any]:
        return host.ask(job, environ=environ, terminal=terminal, heard=heard)

    return replace(index, environ=environ, ask=ask)


def test_passwords_are_never_shown(index: Index, served: SimpleIndex) -> None:
    served.status = 500
    secret = replace(index, source=index.source.replace("//", "//user:secret@"))
    error = refused_requirements(secret, "plain")
    assert "secret" not in error.message
    served.status = 0
    assert "secret" not in repr(secret.dependencies(["plain"]))


def test_offline(index: Index) -> None:
    away = replace(index, offline=True)
    error = refused_requirements(away, "plain", "base")
    assert (error.message, error.hint) == (
        "not in the root, and network access is disabled by `-vpython-offline`: `plain`, `base`",
        "run it once without -vpython-offline",
    )


@pytest.mark.parametrize(
    "setting",
    [
        {"PIP_NO_BINARY": ":all:"},
        {"PIP_REQUIRE_VIRTUALENV": "1"},
        {"PIP_PLATFORM": "win32", "PIP_PYTHON_VERSION": "2.7"},
        {"PIP_NO_DEPS": "1", "PIP_PRE": "1", "PIP_QUIET": "3"},
        {"PIP_REQUIREMENT": "/nonexistent.txt", "PIP_CONSTRAINT": "/nonexistent.txt"},
        {"PIP_REQUIRE_HASHES": "1", "PIP_USE_DEPRECATED": "legacy-resolver"},
        {"PIP_DEST": "/nonexistent", "PIP_VERBOSE": "2", "PIP_TARGET": "/nonexistent"},
    ],
    ids=lambda setting: "+".join(setting),
)
def test_other_settings_of_pip_do_not_matter(
    index: Index, make_wheel: MakeWheel, setting: dict[str, str]
) -> None:
    make_wheel("plain", "3.0b1", {"plain.py": ""})
    changed = with_environ(index, {**index.environ, **setting})
    assert filenames(changed.dependencies(["base"])) == [
        "base-1.0-py3-none-any.whl",
        "plain-1.1-py3-none-any.whl",
    ]
    assert filenames(changed.dependencies(["plain"])) == ["plain-2.0-py3-none-any.whl"]


def test_the_users_configuration_names_the_index(index: Index, served: SimpleIndex, tmp_path: Path) -> None:
    config = tmp_path / "home" / ".config" / "pip"
    config.mkdir(parents=True)
    (config / "pip.conf").write_text(f"[global]\nindex-url = {served.url}\n")
    environ = {name: text for name, text in index.environ.items() if name != "PIP_CONFIG_FILE"}
    own = with_environ(replace(index, source="index"), environ)
    answer = own.dependencies(["plain"])
    assert filenames(answer) == ["plain-2.0-py3-none-any.whl"]
    kept = {row.fields[0]: row.fields[1] for row in answer.observations if row.kind == "content"}
    assert kept[str(config / "pip.conf")] == f"[global]\nindex-url = {served.url}\n"
    assert [pin.origin for pin in answer.pins] == ["index"]


def test_a_configuration_that_pip_cannot_read(index: Index, tmp_path: Path) -> None:
    broken = tmp_path / "broken.conf"
    broken.write_text("index-url = nowhere\n")
    changed = with_environ(replace(index, source="index"), {**index.environ, "PIP_CONFIG_FILE": str(broken)})
    error = refused_requirements(changed, "plain")
    assert isinstance(error, ToolError)
    assert error.message.startswith("pip cannot read its configuration: ")
    assert str(broken) in error.message


def test_every_package_that_no_index_has(index: Index, served: SimpleIndex, calls: list[Any]) -> None:
    """What the index lacks is reported beside what it cannot be asked for; nothing is downloaded."""
    other = Wanted(name="infra/3pp/tools/git", template="", version="version:1")
    error = refused(
        index,
        other,
        package("plain-py3", "2.0"),
        replace(package("base-py3", "1"), version="latest"),
        package("gizmo-py3", "1.0"),
        package("extra-py3", "7.0"),
    )
    assert error.message.splitlines() == [
        "not a package of an index: `infra/3pp/tools/git`",
        f"not a version of an index: `latest` of `{PREFIX}base-py3`; it has no refs: write `version:X`, "
        "which `vpython-tool find base` lists",
        "the index has no project `gizmo`",
        "no version fits `extra==7.0`: there is 1.0",
    ]
    assert [call["look"] for call in calls] == [True]
    assert not any(path.startswith("/files/") for path in served.asked)


def test_exactly_what_is_named(index: Index) -> None:
    assert filenames(index.exactly(["base==1.0"])) == ["base-1.0-py3-none-any.whl"]
    assert len(index.dependencies(["base==1.0"]).wheels) == 2


@pytest.mark.index
@pytest.mark.parametrize("version", ["3.8", "3.13"])
def test_the_real_index(index: Index, interpreters: Callable[[str], Interpreter], version: str) -> None:
    """Old wheels for an old Python, new ones for a new one, dependencies judged for that Python."""
    target = interpreters(version)
    real = with_environ(replace(index, interpreter=target, source="index"), dict(os.environ))
    names = filenames(
        real.packages([package("six-py2_py3", "1.16.0"), package("mock-py3", "4.0.3.chromium.1")])
    )
    assert names == ["mock-4.0.3-py3-none-any.whl", "six-1.16.0-py2.py3-none-any.whl"]
    found = {name.partition("-")[0] for name in filenames(real.dependencies(["pytest", "psutil"]))}
    assert {"pytest", "pluggy", "psutil"} <= found
    assert ("tomli" in found) == ("exceptiongroup" in found) == (version == "3.8")
    for problem in ("psutil==5.8.0", "vpython-has-no-such-project-on-any-index==1"):
        if version == "3.13" or problem.startswith("vpython"):
            assert isinstance(refused_requirements(real, problem), UserError)
