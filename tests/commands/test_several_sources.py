"""Several package sources at once: the first that has a package gives it, and `explain` says which."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import PREFIX, Explainer, spec
from tests.packages.conftest import SimpleIndex, simple_index
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["simple_index"]

BLOCK = "# /// script\n# dependencies = [{}]\n# ///\n"


@pytest.fixture
def index(explainer: Explainer, simple_index: Callable[[str], SimpleIndex], tmp_path: Path) -> SimpleIndex:
    """An index with other versions of what the directory has, and with projects of its own."""
    explainer.harness.use_loopback()
    for name, version in (("one", "1.0"), ("one", "3.0"), ("three", "1.0"), ("two", "1.0")):
        make_wheel(
            tmp_path / "indexed", name, version, files={f"{name}.py": f"VERSION = 'index {version}'\n"}
        )
    return simple_index("indexed")


def use(explainer: Explainer, *sources: str) -> str:
    explainer.harness.environ["VPYTHON_PACKAGE_SOURCE"] = ",".join(sources)
    return explainer.harness.environ["VPYTHON_PACKAGE_SOURCE"]


def prints(explainer: Explainer, expected: str, *words: str) -> None:
    """The script runs cold and warm."""
    for _ in range(2):
        done = explainer.run(*words, "s.py")
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_each_package_comes_from_the_first_that_has_it(explainer: Explainer, index: SimpleIndex) -> None:
    use(explainer, explainer.source, f"index:{index.url}")
    explainer.write("s.py", "import one, three; print(one.VERSION, three.VERSION)")
    explainer.write(".vpython3", spec("one-py3", "three-py3"))
    prints(explainer, "1.0 index 1.0\n")
    assert not [path for path in index.asked if "/one" in path]
    told = explainer.json("s.py")
    assert [row["source"] for row in told["sources"]] == [explainer.source, f"index:{index.url}"]
    assert explainer.package(told, "one-py3")["source"] == explainer.source
    assert explainer.package(told, "three-py3")["source"] == f"index:{index.url}"
    text = explainer.text("s.py")
    assert f"from {explainer.source}\n" in text
    assert f"from index:{index.url}\n" in text
    # The other way round, from the index; a version that it lacks from the directory.
    use(explainer, f"index:{index.url}", explainer.source)
    prints(explainer, "index 1.0 index 1.0\n")
    explainer.write(".vpython3", spec("one-py3@2.0", "three-py3"))
    prints(explainer, "2.0 index 1.0\n")


def test_what_no_source_has_names_all(explainer: Explainer, index: SimpleIndex) -> None:
    use(explainer, explainer.source, f"index:{index.url}")
    explainer.write("s.py", "")
    explainer.write(
        ".vpython3", spec("one-py3", "one-py3@9.0", "nowhere-py3").replace("one-py3", "two-py3", 1)
    )
    done = explainer.run("s.py")
    assert done.returncode == 2
    begin = (
        f"cannot get `{PREFIX}%s` at `version:%s`: no source has it: `{explainer.source}` has no such %s; "
    )
    assert (
        begin % ("one-py3", "9.0", "tag") + f"`index:{index.url}`: no version fits `one==9.0`" in done.stderr
    )
    absent = begin % ("nowhere-py3", "1.0", "package")
    assert f"{absent}`index:{index.url}`: the index has no project `nowhere`" in done.stderr
    assert "two-py3" not in done.stderr
    rows = {row["name"]: row for row in explainer.json("s.py")["packages"]}
    assert rows[f"{PREFIX}two-py3"]["state"] == "resolved"
    assert rows[f"{PREFIX}nowhere-py3"]["reason"].startswith("no source has it")


@pytest.mark.parametrize(
    "first", ["cipd:http://127.0.0.1:9", "directory:http://127.0.0.1:9", "directory:/nowhere"]
)
def test_a_source_that_cannot_be_asked_is_not_passed_over(
    explainer: Explainer, index: SimpleIndex, first: str
) -> None:
    use(explainer, first, f"index:{index.url}")
    explainer.write("s.py", "import three")
    explainer.write(".vpython3", spec("three-py3"))
    done = explainer.run("s.py")
    assert done.returncode != 0
    assert "127.0.0.1:9" in done.stderr or "does not exist" in done.stderr
    assert index.asked == []


def test_an_instance_that_the_first_lacks(
    explainer: Explainer, index: SimpleIndex, packed: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """What an id means needs no answer: so it is looked for."""
    (tmp_path / "empty").mkdir()
    use(explainer, f"directory:{tmp_path}/empty", explainer.source)
    explainer.write("s.py", "import one; print(one.VERSION)")
    instance = explainer.ids["one-py3@1.0"]
    explainer.write(".vpython3", f'wheel: < name: "{PREFIX}one-py3" version: "{instance}" >')
    prints(explainer, "1.0\n")
    assert explainer.package(explainer.json("s.py"), "one-py3")["source"] == explainer.source


def test_wheels_in_the_directory_count_beside_the_index(
    explainer: Explainer, index: SimpleIndex, tmp_path: Path
) -> None:
    make_wheel(tmp_path / "beside", "one", "4.0", requires=("three",))
    use(explainer, f"directory:{tmp_path}/beside", f"index:{index.url}")
    explainer.write("s.py", BLOCK.format("'one'") + "import one, three; print(one.VERSION, three.VERSION)")
    prints(explainer, "4.0 index 1.0\n")
    rows = {row["expanded"]: row["source"] for row in explainer.json("s.py")["packages"]}
    assert rows == {"one": f"directory:{tmp_path}/beside", "three": f"index:{index.url}"}
    # A further wheel there is another answer, at the next start.
    make_wheel(tmp_path / "beside", "one", "5.0")
    explainer.write("s.py", BLOCK.format("'one'") + "import one; print(one.VERSION)")
    prints(explainer, "5.0\n")
    make_wheel(tmp_path / "beside", "one", "6.0")
    prints(explainer, "6.0\n")


def test_a_directory_without_an_index_counts_beside_the_default_one(
    explainer: Explainer, index: SimpleIndex, tmp_path: Path
) -> None:
    """And alone where pip is told so; one behind a web server is of packages, and not asked."""
    make_wheel(tmp_path / "beside", "one", "4.0", requires=("three",))
    explainer.write("s.py", BLOCK.format("'one'") + "import one, three; print(one.VERSION, three.VERSION)")
    use(explainer, f"directory:{tmp_path}/beside")
    explainer.harness.environ["PIP_INDEX_URL"] = index.url
    prints(explainer, "4.0 index 1.0\n")
    named = {row["source"]: row["named_by"] for row in explainer.json("s.py")["sources"]}
    assert named == {
        f"directory:{tmp_path}/beside": "VPYTHON_PACKAGE_SOURCE",
        "index": "dependencies of PEP 508",
    }
    done = explainer.run("s.py", env={"PIP_NO_INDEX": "1"})
    assert done.returncode == 2
    assert "no project `three` (wanted by one 4.0)" in done.stderr
    use(explainer, "directory:http://127.0.0.1:9/packages")
    explainer.write("s.py", BLOCK.format("'one', 'three'") + "import one; print(one.VERSION)")
    prints(explainer, "index 3.0\n")


def test_a_wheel_in_the_directory_serves_a_text_spec(
    explainer: Explainer, index: SimpleIndex, tmp_path: Path
) -> None:
    make_wheel(tmp_path / "beside", "four")
    use(explainer, f"directory:{tmp_path}/beside", f"index:{index.url}")
    explainer.write("s.py", "import four; print(four.VERSION)")
    explainer.write(".vpython3", spec("four-py3"))
    prints(explainer, "1.0\n")
    told = explainer.json("s.py")
    assert explainer.package(told, "four-py3")["source"] == f"directory:{tmp_path}/beside"


def test_dependencies_come_from_one_index(explainer: Explainer, index: SimpleIndex) -> None:
    use(explainer, f"index:{index.url}", "index:http://127.0.0.1:9/simple")
    explainer.write("s.py", BLOCK.format("'one'"))
    done = explainer.run("s.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"dependencies come from one index, not from `index:{index.url}` and `index:http:" in done.stderr


def test_two_indexes_of_a_text_spec(
    explainer: Explainer, index: SimpleIndex, simple_index: Callable[[str], SimpleIndex], tmp_path: Path
) -> None:
    make_wheel(tmp_path / "own", "own")
    first = simple_index("own")
    use(explainer, f"index:{first.url}", f"index:{index.url}")
    explainer.write("s.py", "import own, three; print(own.VERSION, three.VERSION)")
    explainer.write(".vpython3", spec("own-py3", "three-py3"))
    prints(explainer, "1.0 index 1.0\n")


def test_one_distribution_from_two_sources(explainer: Explainer, index: SimpleIndex, tmp_path: Path) -> None:
    repository = tmp_path / "odd"
    name = ("-name", f"{PREFIX}bundle")
    done = explainer.run(
        *("-vpython-tool", "pack", "-repo", repository, *name, "-tag", "version:1.0"),
        make_wheel(tmp_path / "bundled", "three", "2.0"),
    )
    assert done.returncode == 0, done.stderr
    use(explainer, f"directory:{repository}", f"index:{index.url}")
    explainer.write("s.py", "")
    explainer.write(".vpython3", spec("bundle", "three-py3"))
    done = explainer.run("s.py")
    assert done.returncode == 2
    expected = f"packages `{PREFIX}three-py3` and `{PREFIX}bundle` hold two wheels of `three`"
    assert f"{expected}: `three-1.0-py3-none-any.whl`, `three-2.0-py3-none-any.whl`" in done.stderr


def test_verify_and_mirror(explainer: Explainer, index: SimpleIndex, tmp_path: Path) -> None:
    named = use(explainer, explainer.source, f"index:{index.url}")
    explainer.write("s.py", "import one, three; print(one.VERSION, three.VERSION)")
    linux = 'verify_pep425_tag: < python: "cp311" abi: "cp311" platform: "manylinux1_x86_64" >\n'
    explainer.write(".vpython3", spec("one-py3", "three-py3") + linux)
    done = explainer.run("-vpython-tool", "verify", "--json", "s.py")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    told = told[0] if isinstance(told, list) else told
    assert (told["source"], told["whole"]) == (named, True)
    done = explainer.run("-vpython-tool", "mirror", "-o", tmp_path / "mirror", "s.py")
    assert done.returncode == 0, done.stderr
    use(explainer, f"directory:{tmp_path}/mirror")
    prints(explainer, "1.0 index 1.0\n")
    explainer.write(".vpython3", spec("one-py3", "nowhere-py3") + linux)
    use(explainer, explainer.source, f"index:{index.url}")
    done = explainer.run("-vpython-tool", "verify", "s.py")
    assert done.returncode != 0
    assert (
        f"no source has it: `{explainer.source}` has no such package; `index:{index.url}`: the" in done.stderr
    )


def test_find_shows_what_all_have(explainer: Explainer, index: SimpleIndex) -> None:
    use(explainer, explainer.source, f"index:{index.url}")
    done = explainer.run("-vpython-tool", "find", "one", "--json")
    assert done.returncode == 0, done.stderr
    versions = [row["version"] for row in json.loads(done.stdout)]
    assert versions == ["version:2.0", "version:1.0", "version:3.0"]
    done = explainer.run("-vpython-tool", "find", "nowhere")
    assert done.returncode == 2
    assert "there is no package `nowhere`" in done.stderr


def test_ensure_takes_no_wheels_of_an_index(explainer: Explainer, index: SimpleIndex, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    use(explainer, f"directory:{tmp_path}/empty", explainer.source, f"index:{index.url}")
    explainer.write("e.txt", f"{PREFIX}one-py3 version:1.0\n")
    done = explainer.run("-vpython-tool", "ensure", "e.txt", "--root", tmp_path / "deployed")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{PREFIX}one-py3:{explainer.ids['one-py3@1.0']}\n"
    assert index.asked == []


def test_a_comma_separates_where_a_source_follows(
    explainer: Explainer, packed: tuple[Path, dict[str, str]]
) -> None:
    (explainer.place / "a,b").symlink_to(packed[0])
    explainer.write("s.py", "import one; print(one.VERSION)")
    explainer.write(".vpython3", spec("one-py3"))
    prints(explainer, "1.0\n", "-vpython-source", "directory:a,b,index:http://127.0.0.1:9/")
    done = explainer.run("-vpython-source", "cipd,pigeon", "s.py")
    assert done.returncode == 2
    assert "unknown package source `cipd,pigeon`" in done.stderr


def test_a_relative_directory_of_several(explainer: Explainer, packed: tuple[Path, dict[str, str]]) -> None:
    """A start from another directory means another one: no record serves both."""
    explainer.write("s.py", "import one; print(one.VERSION)")
    explainer.write(".vpython3", spec("one-py3"))
    (explainer.place / "packages").symlink_to(packed[0])
    for words in (("-vpython-source", "cipd:http://127.0.0.1:9,directory:packages"), ()):
        named = "directory:packages,cipd:http://127.0.0.1:9"
        prints(explainer, "1.0\n", *(("-vpython-source", named) if words else ()))
        explainer.harness.environ["VPYTHON_PACKAGE_SOURCE"] = named
    done = explainer.run(explainer.place / "s.py", cwd=explainer.place / "home")
    assert done.returncode == 2
    assert "home/packages` does not exist" in done.stderr


def test_the_original_s_variable_names_the_index(explainer: Explainer, index: SimpleIndex) -> None:
    """It makes the index the source where none is named, and is the address of one without."""
    explainer.write("s.py", "import three; print(three.VERSION)")
    explainer.write(".vpython3", spec("three-py3"))
    environ = explainer.harness.environ
    environ["VPYTHON_AR_URL"] = index.url.replace("//", "//name:pa55phrase@")
    del environ["VPYTHON_PACKAGE_SOURCE"]
    explainer.write("home/.config/vpython/config.toml", 'source = "cipd:http://127.0.0.1:9"\n')
    prints(explainer, "index 1.0\n")
    told = explainer.json("s.py")
    assert told["sources"] == [
        {"source": f"index:{index.url}", "named_by": "VPYTHON_AR_URL", "offline": False}
    ]
    assert "pa55phrase" not in str(told)
    assert not [
        path
        for path in explainer.harness.root.rglob("*")
        if path.is_file() and b"pa55phrase" in path.read_bytes()
    ]
    use(explainer, explainer.source, "index")
    assert explainer.json("s.py")["sources"][1]["source"] == f"index:{index.url}"
    prints(explainer, "index 1.0\n")
    # For dependencies, too, whatever the source of packages is.
    use(explainer, explainer.source)
    explainer.write("s.py", BLOCK.format("'one'") + "import one; print(one.VERSION)")
    prints(explainer, "index 3.0\n")
    environ["VPYTHON_AR_URL"] = "pigeon"
    done = explainer.run("s.py")
    assert done.returncode == 2
    assert "`VPYTHON_AR_URL`: not the address of an index: `pigeon`" in done.stderr


def test_another_address_in_the_variable_is_another_start(explainer: Explainer, index: SimpleIndex) -> None:
    explainer.write("s.py", "import three; print(three.VERSION)")
    explainer.write(".vpython3", spec("three-py3"))
    del explainer.harness.environ["VPYTHON_PACKAGE_SOURCE"]
    explainer.harness.environ["VPYTHON_AR_URL"] = index.url
    prints(explainer, "index 1.0\n")
    done = explainer.run("s.py", env={"VPYTHON_AR_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"})
    assert done.returncode == 1
    assert "cannot ask the index" in done.stderr


@pytest.mark.parametrize(("seconds", "most"), [("0", 1), ("2", 20)])
def test_the_time_of_retries(explainer: Explainer, index: SimpleIndex, seconds: str, most: int) -> None:
    use(explainer, f"index:{index.url}")
    explainer.write("s.py", BLOCK.format("'one'"))
    index.status = 503
    began = time.monotonic()
    done = explainer.run("s.py", env={"VPYTHON_NETWORK_RETRY_TIMEOUT": seconds})
    assert (done.returncode, time.monotonic() - began < 20) == (1, True)
    assert "cannot ask the index" in done.stderr
    pages = [path for path in index.asked if path == "/simple/one/"]
    assert int(seconds) < len(pages) <= most + 1


def test_a_directory_behind_a_web_server_beside_the_index(explainer: Explainer, index: SimpleIndex) -> None:
    use(explainer, "directory:http://127.0.0.1:9/packages", f"index:{index.url}")
    explainer.write("s.py", BLOCK.format("'one'"))
    done = explainer.run("s.py", env={"VPYTHON_NETWORK_RETRY_TIMEOUT": "0"})
    assert done.returncode == 1
    assert "cannot ask the index" in done.stderr
    assert "http://127.0.0.1:9/packages" in done.stderr
