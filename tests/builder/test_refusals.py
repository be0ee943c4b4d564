"""What is wrong with the build's own input is said in one line, and the old file stays."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.builder.checkout import WHEELS, Checkout

if TYPE_CHECKING:
    from pathlib import Path

OLD = b"the file that was there"


@pytest.fixture
def spoilt(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "checkout")
    (made.place / "dist").mkdir()
    (made.place / "dist" / "vpython.pyz").write_bytes(OLD)
    return made


def said(checkout: Checkout, *words: str | Path, **rest: object) -> list[str]:
    ended = checkout.build(*words, **rest)  # type: ignore[arg-type]
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert [path.name for path in (checkout.place / "dist").iterdir()] == ["vpython.pyz"]
    assert (checkout.place / "dist" / "vpython.pyz").read_bytes() == OLD
    return ended.stderr.splitlines()


def test_tampered_wheel(spoilt: Checkout) -> None:
    wheel = spoilt.tamper()
    dropped, refused = said(spoilt)
    assert dropped == f"build_zipapp: dropped `{wheel.name}`: its sha256 is not the pinned one"
    listing = spoilt.place / "vendor" / "requirements.txt"
    assert refused.startswith(f"build_zipapp: pip cannot fetch what {listing} lists: ")
    assert not wheel.exists()


@pytest.mark.thorough
def test_index_has_another_file(spoilt: Checkout, tmp_path: Path) -> None:
    wheel = spoilt.tamper()
    shutil.copytree(WHEELS, tmp_path / "links")
    (tmp_path / "links" / wheel.name).write_bytes(wheel.read_bytes())
    *_, refused = said(spoilt, env={"PIP_FIND_LINKS": str(tmp_path / "links")})
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in refused


@pytest.mark.parametrize(
    "line",
    [
        "tqdm",
        "tqdm==4.0",
        "tqdm>=4.0 --hash=sha256:" + "0" * 64,
        "tqdm==4.0 --hash=md5:" + "0" * 32,
        "tqdm==4.0 --hash=sha256:" + "0" * 63,
        "-r other.txt",
        "tqdm @ https://example.invalid/tqdm-4.0-py3-none-any.whl",
    ],
)
def test_requirement_that_pins_nothing(spoilt: Checkout, line: str) -> None:
    listing = spoilt.place / "vendor" / "requirements.txt"
    listing.write_text(f"# a comment\n\n{line}\n", encoding="utf-8")
    assert said(spoilt) == [f"build_zipapp: {listing}:3: not NAME==VERSION --hash=sha256:HEX: `{line}`"]


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ('suffix = ".vpython3"\n', "", "`spec.suffix` is missing"),
        ('contact = ""\n', "", "`contact` is missing"),
        ("[prune]", "[pruning]", "`prune` is missing; `pruning` is unknown"),
        ("most_per_run = 3", "most_per_run = 'three'", "`prune.most_per_run` is str, not int"),
        ('{ python = "cp311", ', "{ ", "`verify.tags[0].python` is missing"),
        ('system = ["', 'system = [3, "', "`bundle.system[0]` is int, not str"),
    ],
)
def test_setting(spoilt: Checkout, tmp_path: Path, old: str, new: str, fact: str) -> None:
    config = tmp_path / "other.toml"
    text = (spoilt.place / "config.toml").read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert said(spoilt, "--config", config) == [f"build_zipapp: {config}: {fact}"]


def test_config_that_is_no_toml(spoilt: Checkout, tmp_path: Path) -> None:
    config = tmp_path / "other.toml"
    config.write_bytes(b"[spec\n")
    (line,) = said(spoilt, "--config", config)
    assert line.startswith(f"build_zipapp: {config}: not TOML: ")
    config.write_bytes(b'contact = "\xff"\n')
    (line,) = said(spoilt, "--config", config)
    assert line.startswith(f"build_zipapp: {config}: not TOML: ")
    config.unlink()
    assert said(spoilt, "--config", config) == [f"build_zipapp: {config}: No such file or directory"]


def test_source_that_does_not_compile(spoilt: Checkout) -> None:
    spoilt.replace("bootstrap/root.py", "def check(", "def check((")
    (line,) = said(spoilt)
    assert line.startswith("build_zipapp: cannot compile: bootstrap/root.py: ")


def test_output_that_cannot_be_written(spoilt: Checkout) -> None:
    (spoilt.place / "blocked").write_text("")
    (line,) = said(spoilt, "--output", spoilt.place / "blocked" / "v.pyz")
    assert line.startswith(f"build_zipapp: {spoilt.place / 'blocked'}")
    (line,) = said(spoilt, "--output", spoilt.place / "vpy")
    assert line.endswith(": Is a directory")
