"""How long the answer of an index serves, and when it is asked for again."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.wheelmaker import make_wheel
from vpy.system import sealed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.settings.conftest import Scripts

DAY = 86400
AWAY = "vpython: using the last answer of `index:{url}`: cannot ask the index: no connection to "
OFFLINE = "vpython: using the last answer of the index: network access is disabled by `-vpython-offline`\n"


def grow_old(scripts: Scripts, seconds: int) -> None:
    """Let all answers in the root be older, and each record."""
    for path in (scripts.harness.root / "resolutions-1").iterdir():
        answer = sealed.load(path.read_bytes())
        if "asked" in answer:
            answer["asked"] -= seconds
            answer["until"] = [str(int(each) - seconds) for each in answer.get("until", [])]
            path.chmod(0o600)
            path.write_bytes(sealed.dump(answer))
    for path in scripts.harness.records():
        rows = path.read_bytes().split(b"\n")
        aged = [
            b"until\0%d" % (int(row.partition(b"\0")[2]) - seconds) if row.startswith(b"until\0") else row
            for row in rows
        ]
        path.write_bytes(b"\n".join(aged))


def until(scripts: Scripts) -> list[int]:
    (record,) = scripts.harness.records()
    rows = record.read_bytes().split(b"\n")
    return [int(row.partition(b"\0")[2]) for row in rows if row.startswith(b"until\0")]


@pytest.fixture
def aging(scripts: Scripts) -> Scripts:
    """A script whose answer may be 7 days old, started once; there is something newer by now."""
    scripts.write(["a"], "[tool.vpython]", 'refresh-after = "7d"')
    assert scripts.comes_to() == "a 2.0 b 2.0"
    scripts.put("a", "3.0", "b")
    return scripts


def test_without_an_age_an_answer_serves_for_ever(scripts: Scripts) -> None:
    scripts.write(["a"])
    assert scripts.comes_to() == "a 2.0 b 2.0"
    assert until(scripts) == []
    scripts.put("a", "3.0", "b")
    grow_old(scripts, 1000 * DAY)
    for path in scripts.harness.records():
        path.unlink()
    assert scripts.comes_to() == "a 2.0 b 2.0"
    assert scripts.index.asked == []


def test_an_option_asks_again(scripts: Scripts) -> None:
    scripts.write(["a"])
    assert scripts.comes_to() == "a 2.0 b 2.0"
    scripts.put("a", "3.0", "b")
    assert scripts.comes_to() == "a 2.0 b 2.0"
    assert scripts.comes_to("-vpython-refresh") == "a 3.0 b 2.0"
    assert scripts.index.fetched() == ["a-3.0-py3-none-any.whl"], "what is stored is not fetched again"
    assert scripts.comes_to() == "a 3.0 b 2.0"
    assert scripts.index.asked == []


def test_a_start_after_the_option_is_warm(scripts: Scripts) -> None:
    scripts.write(["a"])
    assert scripts.comes_to("-vpython-refresh") == "a 2.0 b 2.0"
    (record,) = scripts.harness.records()
    written = record.stat().st_mtime_ns
    assert scripts.comes_to() == "a 2.0 b 2.0"
    assert [path.stat().st_mtime_ns for path in scripts.harness.records()] == [written]


def test_an_answer_serves_up_to_its_age(aging: Scripts) -> None:
    (limit,) = until(aging)
    assert abs(limit - time.time() - 7 * DAY) < 300
    grow_old(aging, 6 * DAY)
    assert aging.comes_to() == "a 2.0 b 2.0"
    assert aging.index.asked == []
    grow_old(aging, 2 * DAY)
    assert aging.comes_to() == "a 3.0 b 2.0"
    assert aging.comes_to() == "a 3.0 b 2.0"
    assert aging.index.asked == []


def test_another_age_counts_at_once(aging: Scripts) -> None:
    grow_old(aging, 2 * DAY)
    aging.write(["a"], "[tool.vpython]", 'refresh-after = "1d"')
    assert aging.comes_to() == "a 3.0 b 2.0"
    aging.put("a", "4.0", "b")
    grow_old(aging, 2 * DAY)
    aging.write(["a"], "[tool.vpython]", 'refresh-after = "9d"')
    assert aging.comes_to() == "a 3.0 b 2.0"
    assert aging.index.asked == [], "the answer is new enough for that"


def test_the_users_file_has_an_age(scripts: Scripts) -> None:
    scripts.write(["a"])
    config = scripts.place / "home" / ".config" / "vpython" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('refresh-after = "1 week"\n')
    assert scripts.comes_to() == "a 2.0 b 2.0"
    scripts.put("a", "3.0", "b")
    grow_old(scripts, 8 * DAY)
    assert scripts.comes_to() == "a 3.0 b 2.0"
    config.write_text('refresh-after = "1 year"\n')
    assert scripts.refusal()[0].endswith(
        "config.toml:1:1: `refresh-after` is not an age of a minute or more, as `7d` or `12h`"
    )


def test_where_the_index_is_away_the_last_answer_serves_with_one_line(aging: Scripts) -> None:
    grow_old(aging, 8 * DAY)
    url = aging.index.url
    aging.index.stop()
    done = aging.run("s.py")
    assert (done.returncode, done.stdout) == (0, "a 2.0 b 2.0 ")
    (line,) = done.stderr.splitlines()
    assert line.startswith(AWAY.format(url=url))
    assert aging.comes_to() == "a 2.0 b 2.0", "for a while it is not asked again"
    (limit,) = until(aging)
    assert 0 < limit - time.time() <= 15 * 60


def test_offline_the_last_answer_serves_with_one_line(aging: Scripts) -> None:
    grow_old(aging, 8 * DAY)
    assert aging.comes_to("-vpython-offline", said=OFFLINE) == "a 2.0 b 2.0"
    assert aging.comes_to("-vpython-offline") == "a 2.0 b 2.0"
    grow_old(aging, DAY)
    assert aging.comes_to() == "a 3.0 b 2.0"
    assert aging.comes_to("-vpython-offline", "-vpython-refresh", said=OFFLINE) == "a 3.0 b 2.0"


def test_an_index_that_says_no_is_an_error(aging: Scripts) -> None:
    grow_old(aging, 8 * DAY)
    for path in aging.index.folder.glob("b-*"):
        path.unlink()
    assert aging.refusal()[0].startswith("vpython: the index has no project `b`")


def test_what_an_index_no_longer_has_says_how_to_ask_again(scripts: Scripts) -> None:
    scripts.write(["a"])
    assert scripts.comes_to() == "a 2.0 b 2.0"
    (scripts.index.folder / "a-2.0-py3-none-any.whl").unlink()
    for path in (scripts.harness.root / "wheels-1").iterdir():
        scripts.harness.run_command("chmod", "-R", "u+w", path)
        scripts.harness.run_command("rm", "-rf", path)
    for path in scripts.harness.environments():
        scripts.harness.run_command("rm", "-rf", path)
    assert scripts.refusal()[-1] == (
        "hint: the index had it when it was asked: -vpython-refresh asks again what the requirements come to"
    )
    assert scripts.comes_to("-vpython-refresh") == "a 1.0 b 2.0"


def test_explain_says_since_when_and_how_to_ask_again(aging: Scripts) -> None:
    shown = aging.run("-vpython-tool", "explain", "s.py").stdout
    (line,) = (line for line in shown.splitlines() if line.startswith("resolved "))
    assert " holds until 20" in line
    assert line.endswith("Z  (-vpython-refresh asks again)")
    facts = json.loads(aging.run("-vpython-tool", "explain", "--json", "s.py").stdout)
    assert facts["resolved"]["asked"] < facts["resolved"]["until"]
    assert [row["version"] for row in facts["packages"]] == ["2.0", "2.0"]
    facts = json.loads(aging.run("-vpython-refresh", "-vpython-tool", "explain", "--json", "s.py").stdout)
    assert [row["version"] for row in facts["packages"]] == ["3.0", "2.0"]


def test_a_wheel_that_was_exchanged_is_refused_and_no_last_answer_serves(aging: Scripts) -> None:
    page = json.loads(aging.index.page("a") or b"")
    make_wheel(aging.index.folder, "a", "3.0", files={"a.py": "VERSION = 'another'\n"})
    aging.index.lies["/simple/a/"] = json.dumps(page).encode()
    grow_old(aging, 8 * DAY)
    done = aging.run("s.py")
    assert done.returncode == 1
    assert done.stderr.startswith("vpython: other bytes than pinned for `a-3.0-py3-none-any.whl`")


def test_offline_files_of_this_machine_are_read(scripts: Scripts, tmp_path: Path) -> None:
    """An index and wheels in a directory are no network; what they lack is said to be lacking."""
    wheel = make_wheel(tmp_path / "beside", "a", "7.0")
    page = tmp_path / "simple" / "a" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="{wheel.as_uri()}">{wheel.name}</a>')
    scripts.write(["a"])
    for source in (f"directory:{tmp_path / 'beside'}", f"index:{tmp_path / 'simple'}"):
        words = ("-vpython-offline", "-vpython-root", str(tmp_path / source.partition(":")[0]))
        assert scripts.comes_to(*words, "-vpython-source", source, source=False) == "a 7.0"
    scripts.write(["a", "gone"])
    refused = scripts.refusal(*words, "-vpython-source", source, source=False)
    assert refused == ["vpython: the index has no project `gone`"]
