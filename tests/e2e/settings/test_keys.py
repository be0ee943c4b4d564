"""Keys of `[tool.vpython]` and `[tool.uv]`: what a start comes to by them, cold and warm."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from tests.e2e.settings.conftest import Scripts


def test_constraints_and_overrides(scripts: Scripts) -> None:
    scripts.write(["a"])
    assert scripts.comes_to() == "a 2.0 b 2.0"
    scripts.write(["a"], "[tool.uv]", 'constraint-dependencies = ["b<2", "zzz"]')
    assert scripts.comes_to() == scripts.comes_to() == "a 2.0 b 1.0"
    scripts.write(["a", "b>=2"], "[tool.uv]", 'override-dependencies = ["b==1.0"]')
    assert scripts.comes_to() == scripts.comes_to() == "a 2.0 b 1.0"
    scripts.write(["a"])
    assert scripts.comes_to() == "a 2.0 b 2.0", "the answer without them is another"


def test_a_constraint_that_stands_in_the_way_is_named(scripts: Scripts) -> None:
    scripts.write(["a"], "[tool.uv]", 'constraint-dependencies = ["b>9", "zzz"]')
    assert scripts.refusal() == [
        "vpython: `a` cannot be met",
        "because every version of `a` needs `b`",
        "",
        "hint: `constraint-dependencies` `b>9` of the spec may stand in the way",
    ]


def test_exclude_newer(scripts: Scripts) -> None:
    for name in ("a-1.0", "b-1.0", "b-2.0"):
        scripts.index.uploaded[f"{name}-py3-none-any.whl"] = "2024-01-01T12:00:00Z"
    scripts.index.uploaded["a-2.0-py3-none-any.whl"] = "2024-01-02T00:00:00Z"
    scripts.write(["a"], "[tool.uv]", 'exclude-newer = "2024-01-01"')
    assert scripts.comes_to() == "a 1.0 b 2.0"
    scripts.write(["a"], "[tool.uv]", 'exclude-newer = "2024-01-02"')
    assert scripts.comes_to() == "a 2.0 b 2.0"
    scripts.write(["a"], "[tool.vpython]", "exclude-newer = 2024-01-01", "[tool.uv]", 'exclude-newer = "1d"')
    assert scripts.comes_to() == "a 1.0 b 2.0", "vpython's own wins"
    scripts.write(["a"], "[tool.uv]", 'exclude-newer = "1d"')
    assert scripts.comes_to() == "a 2.0 b 2.0"


def test_without_upload_times_nothing_is_left(scripts: Scripts) -> None:
    scripts.write(["b"], "[tool.uv]", 'exclude-newer = "2024-01-01"')
    warning, error, _, hint = scripts.refusal()
    assert warning == ("vpython: `exclude-newer`: files without an upload time are passed over: those of `b`")
    assert error.startswith("vpython: no wheel of `b` fits ")
    assert error.endswith(
        ": there is `b-1.0-py3-none-any.whl` (without an upload time), "
        "`b-2.0-py3-none-any.whl` (without an upload time)"
    )
    assert hint == "hint: `exclude-newer` `2024-01-02T00:00:00Z` of the spec may stand in the way"


def test_the_index_of_the_spec(scripts: Scripts) -> None:
    scripts.write(["a"], "[tool.vpython]", f'index = "{scripts.index.url}"')
    assert scripts.comes_to(source=False) == scripts.comes_to(source=False) == "a 2.0 b 2.0"


def test_indexes_in_their_order(scripts: Scripts) -> None:
    first = f'[[tool.uv.index]]\nurl = "{scripts.other.url}"'
    default = f'[[tool.uv.index]]\nurl = "{scripts.index.url}"\ndefault = true'
    scripts.write(["a"], first, default)
    assert scripts.comes_to(source=False) == scripts.comes_to(source=False) == "a 2.0 b 0.5"
    assert scripts.comes_to() == "a 2.0 b 2.0", "the one that the command line names is asked alone"
    assert scripts.other.asked == []
    scripts.write(["a"], first, default, "[tool.vpython]", f'index = "{scripts.index.url}"')
    assert scripts.comes_to(source=False) == "a 2.0 b 2.0", "as is the one of `[tool.vpython]`"


def test_an_explicit_index_has_what_is_pinned_to_it(scripts: Scripts) -> None:
    explicit = f'[[tool.uv.index]]\nname = "other"\nurl = "{scripts.other.url}"\nexplicit = true'
    scripts.write(["a"], explicit)
    assert scripts.comes_to() == "a 2.0 b 2.0"
    scripts.write(["a", "b"], explicit, "[tool.uv.sources]", 'b = { index = "other" }')
    assert scripts.comes_to() == "a 2.0 b 0.5"
    scripts.write(
        ["a", "b"], explicit, "[tool.uv.sources]",
        """b = [{ index = "other", marker = "python_version < '3'" }]""",
    )  # fmt: skip
    assert scripts.comes_to() == "a 2.0 b 2.0"


def test_a_path_is_relative_to_the_script_and_another_file_is_resolved_again(scripts: Scripts) -> None:
    made = make_wheel(scripts.place / "local", "b", "7.0")
    scripts.write(["a", "b>100"], "[tool.uv.sources]", f'b = {{ path = "local/{made.name}" }}')
    assert scripts.comes_to() == scripts.comes_to() == "a 2.0 b 7.0"
    assert scripts.index.asked == []
    make_wheel(scripts.place / "local", "b", "7.0", files={"b.py": "VERSION = 'changed'\n"})
    assert scripts.comes_to() == scripts.comes_to() == "a 2.0 b changed"


def test_a_url_with_its_hash(scripts: Scripts) -> None:
    url = scripts.other.url.replace("/simple/", "/files/b-0.5-py3-none-any.whl")
    scripts.write(["b"], "[tool.uv.sources]", f'b = {{ url = "{url}#sha256={"0" * 64}" }}')
    done = scripts.run("s.py")
    assert done.returncode == 1
    assert done.stderr.startswith("vpython: other bytes than pinned for `b @ http://")
    digest = hashlib.sha256((scripts.other.folder / "b-0.5-py3-none-any.whl").read_bytes()).hexdigest()
    scripts.write(["a", "b"], "[tool.uv.sources]", f'b = {{ url = "{url}#sha256={digest}" }}')
    assert scripts.comes_to() == scripts.comes_to() == "a 2.0 b 0.5"


def test_what_is_not_followed_is_said_once_for_each_text(scripts: Scripts) -> None:
    scripts.write(["a"], "[tool.uv]", 'resolution = "lowest"', 'prerelease = "allow"')
    said = (
        "vpython: {}:3:3: keys of `[tool.uv]` that are not followed, so that uv may resolve otherwise: "
        "`prerelease`, `resolution`\n"
    ).format(scripts.place / "s.py")
    said = said.replace(":3:3:", ":5:3:")
    assert scripts.comes_to(said=said) == "a 2.0 b 2.0"
    assert scripts.comes_to() == "a 2.0 b 2.0"
    for path in scripts.harness.records():
        path.unlink()
    assert scripts.comes_to() == "a 2.0 b 2.0", "planned again, by the same text"


def test_wheels_that_a_spec_refuses(scripts: Scripts) -> None:
    make_wheel(
        scripts.index.folder, "c", "1.0", files={"c.py": "VERSION = 1", "c.pth": "import c\n", "d.so": ""}
    )
    scripts.write(["c", "b"])
    assert scripts.comes_to() == "b 2.0 c 1"
    scripts.write(["c", "b"], "[tool.vpython]", "allow-startup-code = false", "allow-native-code = false")
    assert scripts.refusal() == [
        "vpython: `c-1.0-py3-none-any.whl` has code that runs at every start, which the spec forbids: "
        "c.pth: import c",
        "`c-1.0-py3-none-any.whl` has native code, which the spec forbids: `d.so`",
        "",
        "hint: `allow-startup-code = false` and `allow-native-code = false` of `[tool.vpython]` in the spec",
    ]
    scripts.write(["b"], "[tool.vpython]", "allow-startup-code = false", "allow-native-code = false")
    assert scripts.comes_to() == "b 2.0"


def test_the_version_of_vpython_that_a_spec_needs(scripts: Scripts) -> None:
    scripts.write(
        ["b"], "[tool.vpython]", 'required-version = ">=1"', "[tool.uv]", 'required-version = ">99"'
    )
    assert scripts.comes_to() == "b 2.0"
    scripts.write(["b"], "[tool.vpython]", 'required-version = ">99"')
    first, *_, hint = scripts.refusal()
    assert first.startswith("vpython: the spec needs vpython >99, and this is ")
    assert hint == "hint: `required-version` of `[tool.vpython]` says so"


@pytest.mark.parametrize(
    ("platforms", "columns"),
    [
        ('["windows-arm64", "linux-amd64"]', ["windows-arm64", "linux-amd64"]),
        ('["musllinux_1_2_x86_64"]', None),
    ],
)
def test_platforms_to_verify(scripts: Scripts, platforms: str, columns: list[str] | None) -> None:
    scripts.write(["a"], "[tool.vpython]", f"verify-platforms = {platforms}")
    done = scripts.run("-vpython-tool", "verify", "s.py")
    assert done.returncode == 0
    assert columns is None or done.stdout.split("\n\n")[1].split("\n")[0].split() == columns


def test_a_platform_that_is_unknown(scripts: Scripts) -> None:
    scripts.write(["a"], "[tool.vpython]", 'verify-platforms = ["beos"]')
    done = scripts.run("-vpython-tool", "verify", "s.py")
    assert done.returncode == 2
    assert "`verify-platforms`: unknown platform `beos`\n\nhint: it is one of `linux-386`, " in done.stderr


def test_verify_asks_by_the_same_rules(scripts: Scripts) -> None:
    two = '[tool.vpython]\nverify-platforms = ["linux-amd64", "windows-amd64"]'
    scripts.write(["a", "b"], two, "[tool.uv]", 'constraint-dependencies = ["b<1"]')
    done = scripts.run("-vpython-tool", "verify", "s.py")
    assert done.returncode == 1
    assert "`b`, on every platform: `b` cannot be met" in done.stderr
    scripts.write(["a", "b"], two, f'[[tool.uv.index]]\nname = "o"\nurl = "{scripts.other.url}"',
                  'explicit = true', '[tool.uv.sources]\nb = { index = "o" }')  # fmt: skip
    done = scripts.run("-vpython-tool", "verify", "s.py")
    assert done.returncode == 0
    assert [path for path, _ in scripts.other.asked if path.startswith("/simple/b/")]


@pytest.mark.parametrize("key", ["index", "default", "first", "pinned"])
def test_the_password_of_an_index_stays_in_the_spec(scripts: Scripts, key: str) -> None:
    secret = "s3cr3t"
    scripts.other.login = f"me:{secret}"
    url = scripts.other.url.replace("://", f"://me:{secret}@")
    lines = {
        "index": f'[tool.vpython]\nindex = "{url}"',
        "default": f'[[tool.uv.index]]\nurl = "{url}"\ndefault = true',
        "first": f'[[tool.uv.index]]\nurl = "{url}"',
        "pinned": f'[[tool.uv.index]]\nname = "o"\nurl = "{url}"\n[tool.uv.sources]\nb = {{ index = "o" }}',
    }
    scripts.write(["b"], lines[key])
    config = {"PIP_INDEX_URL": scripts.index.url}
    for _ in range(2):
        done = scripts.run("s.py", source=False, env=config)
        assert (done.returncode, done.stdout, done.stderr) == (0, "b 0.5 ", "")
    scripts.other.login = "another:one"
    done = scripts.run("-vpython-refresh", "s.py", source=False, env=config)
    assert done.returncode != 0
    assert secret not in done.stderr
    done = scripts.run("-vpython-tool", "explain", "s.py", source=False, env=config)
    assert secret not in done.stdout + done.stderr
    for path in scripts.harness.root.rglob("*"):
        assert secret not in path.name
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("kind", ["path", "url"])
@pytest.mark.parametrize(
    ("extra", "marker", "expected"),
    [
        ("", "", "a 1.0 b 2.0"),
        ("[x]", "", "a 1.0 b 2.0 c 1.0"),
        ("[x]", " ; python_version >= '3'", "a 1.0 b 2.0 c 1.0"),
        ("", " ; python_version < '3'", ""),
    ],
)
def test_direct_references(scripts: Scripts, kind: str, extra: str, marker: str, expected: str) -> None:
    """With extras, markers and hashes; what they need comes from the index."""
    scripts.put("c", "1.0")
    requires = ("b", "c; extra == 'x'")
    wheel = make_wheel(scripts.other.folder, "a", "1.0", requires=requires, extras=("x",))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    url = wheel.as_uri() if kind == "path" else scripts.other.url.replace("/simple/", f"/files/{wheel.name}")
    scripts.write([f"a{extra} @ {url}#sha256={digest}{marker}"])
    assert scripts.comes_to() == scripts.comes_to() == expected
    assert scripts.other.asked == []
    if expected:
        scripts.write([f"a{extra} @ {url}#sha256={'0' * 64}{marker}"])
        done = scripts.run("s.py")
        assert done.returncode == 1
        assert "other bytes than pinned" in done.stderr


def test_extras_and_markers(scripts: Scripts) -> None:
    scripts.put("c", "1.0")
    make_wheel(scripts.index.folder, "a", "3.0", requires=("c; extra == 'X.y'", "b"), extras=("X.y",))
    scripts.write(["a[x_Y]", "b<2; python_version >= '3'", "b>9; python_version < '3'"])
    assert scripts.comes_to() == "a 3.0 b 1.0 c 1.0"


@pytest.mark.parametrize(
    ("dependencies", "lines", "said"),
    [
        (["none"], (), "the index has no project `none`"),
        ([], ('requires-python = ">=4"',), "no Python here fits requires-python `>=4`"),
    ],
)
def test_what_cannot_be_provided_is_an_error(
    scripts: Scripts, dependencies: list[str], lines: tuple[str, ...], said: str
) -> None:
    scripts.write(dependencies, *lines)
    assert said in scripts.refusal()[0]


@pytest.mark.parametrize("lines", [(), ("[tool.uv.sources]", 'b = { index = "o" }')], ids=["first", "pinned"])
def test_an_index_that_pip_does_not_trust_is_an_error(scripts: Scripts, lines: tuple[str, ...]) -> None:
    """Another one may have projects of the same names, by whomever."""
    scripts.write(["b"], '[[tool.uv.index]]\nname = "o"\nurl = "http://index.test/simple"', *lines)
    assert scripts.refusal(source=bool(lines)) == [
        "vpython: an index of the spec is not asked: it is plain http, from a host that pip does not trust: "
        "`http://index.test/simple`",
        "",
        "hint: give it an address with https, or name its host in pip's `trusted-host`",
    ]
    assert scripts.index.asked == []


def test_a_locked_script_does_not_grow_old(scripts: Scripts) -> None:
    scripts.write(["b"], "[tool.vpython]", 'refresh-after = "7d"')
    wheel = scripts.index.folder / "b-1.0-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (scripts.place / "s.py.uv.lock").write_text(f"b==1.0 \\\n    --hash=sha256:{digest}\n    # via -r -\n")
    assert scripts.comes_to() == "b 1.0"
    (record,) = scripts.harness.records()
    assert b"\nuntil\0" not in record.read_bytes()
