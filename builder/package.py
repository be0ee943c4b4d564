"""`dist/vpython.cipd`: the built file as a package, and the definition that the original client builds."""

from __future__ import annotations

import os
import shutil
import tomllib
from typing import TYPE_CHECKING

from builder.vendor import TOP, BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from vpy.packages.cipd.package_writer import Member

PROGRAMS = ("vpython", "vpython3")
DEFINITION = """\
# Made by build_zipapp.py --package. Entries are stored, so that a shim can cut the file out:
#   cipd create -pkg-def vpython.yaml -compression-level 0 -tag build:{build} -ref latest
package: {name}
description: Runs a Python script in the environment the script declares.
install_mode: copy
root: package
data:
{files}"""


def package(built: Path, config: Path) -> str:
    """Write `NAME.cipd`, `NAME.yaml` and the files it packs beside `NAME.pyz`; say in a line what that is.

    The file is in it twice, under both names: a link would keep the package from Windows. Raises
    BuildError where it cannot be written.
    """
    from vpy.errors import VpythonError
    from vpy.packages.cipd import package_writer
    from vpy.packages.cipd.manifest import Manifest

    name = package_name(config)
    members = _staged(built)
    output = built.with_suffix(".cipd")
    passing = output.with_name(f"{output.name}.{os.getpid()}.new")
    try:
        instance_id = package_writer.write(str(passing), Manifest(name, install_mode="copy"), members)
        passing.replace(output)
    except VpythonError as error:
        raise BuildError(error.message) from error
    finally:
        passing.unlink(missing_ok=True)
    rows = "".join(f"  - file: {member.name}\n" for member in members)
    text = DEFINITION.format(build=build_of(built), name=name, files=rows)
    output.with_suffix(".yaml").write_text(text, encoding="utf-8")
    return f"\n{output}: {name} {instance_id}"


def _staged(built: Path) -> list[Member]:
    """Return the package's files, in a directory beside the built one."""
    from vpy.packages.cipd.package_writer import Member

    stage = built.with_name("package")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    members = []
    for program in PROGRAMS:
        for source, target in ((built, program), (TOP / "shims" / "launch.bat", f"{program}.bat")):
            shutil.copyfile(source, stage / target)
            (stage / target).chmod(0o755 if target == program else 0o644)
            members.append(Member(target, str(stage / target), executable=target == program))
    return members


def package_name(config: Path) -> str:
    """Return the name of the domain's vpython package."""
    with config.open("rb") as file:
        name: str = tomllib.load(file)["package"]["name"]
    return name


def build_of(built: Path) -> str:
    """Return the identity of a built file: the same sources and wheels give the same one."""
    import zipfile

    with zipfile.ZipFile(built) as members:
        text = members.read("bootstrap/__init__.py").decode()
    return text.partition('BUILD = "')[2].partition('"')[0]
