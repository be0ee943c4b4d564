"""Keys of `[tool.vpython]` and `[tool.uv]`: what is read, what wins, what is refused and what is named."""

from __future__ import annotations

import pytest

from vpy.errors import UserError
from vpy.model import ProjectSource, ResolutionSettings, Spec
from vpy.operations.cache import dump_spec, load_spec
from vpy.spec.toml import parse_script, parse_vpython_toml
from vpy.system.lean.dataclasses import replace

PATH = "/here/s.py"
DEPENDENCIES = 'dependencies = ["a", "B.b>1", "c[x]"]\n'
EVERYTHING = (
    DEPENDENCIES
    + """
[tool.vpython]
exclude-newer = 2024-01-01
refresh-after = "7d"
allow-startup-code = false
allow-native-code = false
verify-platforms = ["linux-amd64", "win_arm64"]
required-version = ">=1"
[tool.uv]
exclude-newer = "1 week"
constraint-dependencies = ["a<2"]
override-dependencies = ["d==1"]
required-version = ">=0.5"
[[tool.uv.index]]
name = "pinned"
url = "https://pinned.test/simple"
explicit = true
[[tool.uv.index]]
url = "vendor/simple"
default = true
[[tool.uv.index]]
url = "https://first.test/"
[tool.uv.sources]
a = [
  { index = "pinned", marker = "sys_platform == 'linux'" },
  { url = "https://x.test/a-1-py3-none-any.whl", marker = "sys_platform != 'linux'" },
  { git = "https://g.test", extra = "x" },
]
b-b = { path = "../w/b_b-1-py3-none-any.whl" }
unused = { git = "https://g.test/unused" }
"""
)


def read(text: str) -> Spec:
    return parse_script(text, PATH, 1)


def refused(text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        read(DEPENDENCIES + text)
    return caught.value.lines


def test_everything_is_read() -> None:
    spec = read(EVERYTHING)
    assert spec.source == "index:file:///here/vendor/simple"
    assert spec.resolution == ResolutionSettings(
        indexes=("https://first.test/",),
        sources=(
            ProjectSource("a", index="https://pinned.test/simple", marker="sys_platform == 'linux'"),
            ProjectSource("a", url="https://x.test/a-1-py3-none-any.whl", marker="sys_platform != 'linux'"),
            ProjectSource("b-b", url="file:///w/b_b-1-py3-none-any.whl"),
        ),
        exclude_newer="2024-01-02T00:00:00Z",
        constraints=("a<2",),
        overrides=("d==1",),
    )
    assert (spec.refresh_after, spec.required_version) == (7 * 86400, ">=1")
    assert spec.verify_platforms == ("linux-amd64", "win_arm64")
    assert spec.forbidden == ("startup-code", "native-code")
    assert (spec.warnings, spec.notices) == ((), ())


def test_a_spec_is_the_same_from_the_cache() -> None:
    spec = replace(read(EVERYTHING), notices=("not kept",))
    assert load_spec(dump_spec(spec)) == replace(spec, notices=())


def test_both_kinds_of_file_have_the_tables() -> None:
    assert parse_vpython_toml(EVERYTHING, PATH) == read(EVERYTHING)


def test_what_vpython_says_wins_over_what_uv_says() -> None:
    uv = '[tool.uv]\nexclude-newer = "2024-01-01"\n[[tool.uv.index]]\nurl = "https://first.test/"\n'
    assert read(uv).resolution.indexes == ("https://first.test/",)
    own = read('[tool.vpython]\nindex = "https://own.test/"\nexclude-newer = "1d"\n' + uv)
    assert own.source == "index:https://own.test/"
    assert own.resolution == ResolutionSettings(exclude_newer="86400")
    assert read('[tool.vpython]\nsource = "index"\n' + uv).resolution.indexes == ()
    default = uv + "default = true\n"
    assert read(default).source == "index:https://first.test/"
    assert read('[tool.vpython]\nsource = "cipd"\n' + default).source == "cipd"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            '[tool.vpython]\nindex = "ftp://x"\nrefresh-after = "1s"\nallow-native-code = 1\n',
            [
                "/here/s.py:3:3: `tool.vpython.index` is not the address of an index: `ftp://x`",
                "/here/s.py:4:3: `tool.vpython.refresh-after` is not an age of a minute or more, as `7d` or "
                "`12h`: `1s`",
                "/here/s.py:5:3: `tool.vpython.allow-native-code` is not true or false",
            ],
        ),
        (
            '[tool.vpython]\nindex = "https://x"\nsource = "cipd"\n',
            ["/here/s.py:3:3: `index` and `source` both say where packages come from"],
        ),
        (
            '[tool.vpython]\nexclude-newer = "2024-01-01T00:00:00"\nverify-platforms = "linux"\n',
            [
                "/here/s.py:3:3: `tool.vpython.exclude-newer` is not a date, a time with its offset, or an "
                "age as `7d`: `2024-01-01T00:00:00`",
                "/here/s.py:4:3: `tool.vpython.verify-platforms` is not a list",
            ],
        ),
        (
            '[tool.uv]\nconstraint-dependencies = ["a b"]\noverride-dependencies = [1]\nno-build = 1\n'
            'required-version = "x"\n',
            [
                "/here/s.py:3:30: not a requirement: `a b`: Expected semicolon (after name with no version "
                "specifier) or end",
                "/here/s.py:4:3: entry 1 of `tool.uv.override-dependencies` is not a string",
                "/here/s.py:5:3: `tool.uv.no-build` is not true or false",
                "/here/s.py:6:22: `tool.uv.required-version` is not a version specifier: `x`",
            ],
        ),
        (
            '[tool.uv]\nindex = ["x"]\n',
            ["/here/s.py:3:3: `tool.uv.index` is not a table, nor a list of tables"],
        ),
        ("[[tool.uv.index]]\nname = 'x'\n", ["/here/s.py:2:13: `tool.uv.index` has no `url`"]),
        (
            "[[tool.uv.index]]\nurl = 'https://x'\nexplicit = true\n",
            ["/here/s.py:2:13: an explicit index of `tool.uv.index` has no `name`"],
        ),
        (
            "[[tool.uv.index]]\nurl = 'https://x'\nformat = 'flat'\n",
            ["/here/s.py:4:3: `tool.uv.index.format` is not `simple`, which alone is read: `flat`"],
        ),
        (
            "[[tool.uv.index]]\nurl = 'a'\ndefault = true\n[[tool.uv.index]]\nurl = 'b'\ndefault = true\n",
            ["/here/s.py:2:13: two of `tool.uv.index` are the default"],
        ),
        (
            '[tool.uv.sources]\na = { git = "ext::x" }\nc = { git = "https://h/r", rev = "a", tag = "b" }\n',
            [
                "/here/s.py:3:3: `tool.uv.sources.a`: only `git+https`, `git+ssh` and `git+file` "
                "repositories are built from: `git+ext::x`",
                "/here/s.py:4:3: `tool.uv.sources.c` has more than one of `rev`, `tag` and `branch`",
            ],
        ),
        (
            "[tool.uv.sources]\na = { workspace = true }\nc = { path = '.', url = 'x' }\n",
            [
                "/here/s.py:3:3: `tool.uv.sources.a`: a workspace member is not a wheel, and only wheels are "
                "installed",
                "/here/s.py:4:3: `tool.uv.sources.c` needs one of `git`, `index`, `path` and `url`",
            ],
        ),
        (
            "[tool.uv.sources]\na = { index = 'none' }\nc = { path = 'c.tar.gz', marker = 'x' }\n",
            [
                "/here/s.py:3:3: `tool.uv.sources.a` names the index `none`, which `tool.uv.index` lacks",
                "/here/s.py:4:3: `tool.uv.sources.c`: the URL must name a wheel, or a git repository "
                "with `git+` in front: `file:///here/c.tar.gz`",
                "/here/s.py:1:3: `tool.uv.sources.c.marker` is not a marker of PEP 508: `x`",
            ],
        ),
    ],
)  # fmt: skip
def test_mistakes(text: str, lines: list[str]) -> None:
    assert sorted(refused(text)) == sorted(lines)


def test_a_relative_path_means_nothing_where_there_is_no_file() -> None:
    with pytest.raises(
        UserError, match=r"`tool\.uv\.index\.url` is not absolute, and nothing lies beside this spec: `x`"
    ):
        parse_script("[[tool.uv.index]]\nurl = 'x'\n", "<string>", 1)


def test_what_is_not_followed_is_named_in_one_line() -> None:
    spec = read('[tool.uv]\nresolution = "lowest"\nlink-mode = "copy"\n[tool.uv.pip]\nx = 1\n')
    assert spec.notices == (
        "/here/s.py:2:3: keys of `[tool.uv]` that are not followed, so that uv may resolve otherwise: "
        "`resolution`",
    )
    spec = read('[tool.uv]\nindex-strategy = "x"\nfind-links = []\nprerelease = "allow"\n')
    assert spec.notices == (
        "/here/s.py:3:3: keys of `[tool.uv]` that are not followed, so that uv may resolve otherwise: "
        "`find-links`, `index-strategy`, `prerelease`",
    )
