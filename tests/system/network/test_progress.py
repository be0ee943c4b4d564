"""Progress of downloads: one line on a terminal, erased at the end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import NAME, POLICY, package
from vpy.system.lean.dataclasses import replace
from vpy.system.network import download
from vpy.system.network.progress import Progress, is_wanted
from vpy.system.network.retry import NetworkError

if TYPE_CHECKING:
    from tests.packages.cipd.bench import Bench
    from tests.packages.cipd.server import Handler

DATA = package(members={"data": os.urandom(300_000)})


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.service.put(NAME, DATA, tags=("version:1.0",))
    return bench


def hang_up(handler: Handler) -> None:
    """Send the beginning of the package, and hang up."""
    handler.answer(200, {"ETag": '"one"'}, DATA[:1000], length=len(DATA))
    handler.close_connection = True


class Stream:
    """A terminal that keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_that_is_erased(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("vpy.system.network.progress.DELAY_SECONDS", 0)
    progress = Progress(shown=True)
    client = bench.client()
    url = f"{bench.service.storage_url}/store/{NAME}/{bench.pin().instance_id}"
    got = b"".join(download.Download(client, lambda: url, progress).pieces())
    assert got == DATA
    assert "vpython: downloading" in stream.text
    assert "\n" not in stream.text
    assert stream.text.endswith("\r")
    assert stream.text.rsplit("\r", 2)[-2].strip() == ""


def test_progress_is_erased_after_a_failure_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("vpy.system.network.progress.DELAY_SECONDS", 0)
    bench.service.always["GET"] = hang_up
    bench.policy = replace(POLICY, resumes=1)
    url = f"{bench.service.storage_url}/store/x"
    with pytest.raises(NetworkError):
        b"".join(download.Download(bench.client(), lambda: url, Progress(shown=True)).pieces())
    assert stream.text.endswith("\r")
    assert stream.text.rsplit("\r", 2)[-2].strip() == ""


def test_when_progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Stream())
    assert is_wanted({"TERM": "xterm"}, 2)
    assert not is_wanted({"TERM": "dumb"}, 2)
    assert not is_wanted({"CI": "1"}, 2)
    assert not is_wanted({}, 3)
    monkeypatch.setattr(Stream, "isatty", lambda _: False)
    assert not is_wanted({}, 0)
