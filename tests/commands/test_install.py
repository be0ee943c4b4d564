"""`install`: the environment is made and compiled, nothing is run, and nothing of it is spoilt by that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.harness import Harness


def test_made_compiled_and_sound(harness: Harness, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "wheels", "gadget")
    assert harness.run("-vpython-tool", "pack", "-repo", tmp_path / "packages", wheel).returncode == 0
    script = tmp_path / "s.py"
    script.write_text("open('ran', 'w')")
    (tmp_path / "s.py.vpython3").write_text(spec_text(("infra/python/wheels/gadget-py3", "version:1.0")))
    source = ("-vpython-source", f"directory:{tmp_path}/packages")
    for _ in range(2):
        made = harness.run(*source, "-vpython-tool", "install", script)
        (environment,) = harness.environments()
        assert (made.returncode, made.stdout, made.stderr) == (0, f"{environment}\n", "")
    assert not (tmp_path / "ran").exists()
    assert {path.name.partition(".")[0] for path in environment.rglob("*.pyc")} == {
        "gadget",
        "_vpython_start",
    }
    hook = next(environment.rglob("_vpython_start.*.pyc")).read_bytes()
    assert hook[4:8] == b"\1\0\0\0", "its code is to be taken without a look at the source"
    looked = harness.run("-vpython-tool", "doctor")
    assert (looked.returncode, looked.stdout) == (0, "")
