"""A place that packages are deployed to, laid out as the CIPD client does: either may follow the other.

    <top>/.cipd/pkgs/<number>/description.json  which package, in which subdirectory
    <top>/.cipd/pkgs/<number>/_current          a link to the instance's id (Windows: `_current.txt` holds it)
    <top>/.cipd/pkgs/<number>/<id>/             the package's files; in copy mode only its manifest

In symlink mode, the files of `<top>` are links to those behind `_current`; in copy mode they are the
files themselves.
"""

from __future__ import annotations

import contextlib
import json
import os

from vpy.errors import UserError
from vpy.packages import manifest, siteplace
from vpy.packages.names import looks_like_instance_id
from vpy.system import files
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.model import Pin
    from vpy.packages.siteplace import Listed

SERVICE = ".cipd"
LARGEST = 64 << 20


@value
class Deployed:
    """A package that is there: its subdirectory and name, its instance, its directory below `.cipd`."""

    subdir: str
    name: str
    instance_id: str
    place: str


class Site:
    """The packages below `top`. One process at a time may change it; `windows` links nothing."""

    def __init__(self, top: str, *, windows: bool = os.name == "nt") -> None:
        self.top = os.path.abspath(top)
        self._windows = windows

    def deployed(self) -> dict[tuple[str, str], Deployed]:
        """What is there, by subdirectory and name."""
        return {(found.subdir, found.name): found for found in self._slots().values() if found.instance_id}

    def _slots(self) -> dict[str, Deployed]:
        """Every package's directory, by its number, whether or not an instance is in it."""
        packages = os.path.join(self.top, SERVICE, "pkgs")
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for number in sorted(os.listdir(packages), key=lambda name: (len(name), name)):
                place = os.path.join(packages, number)
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                    told = json.loads(files.read_bytes(os.path.join(place, "description.json"), LARGEST))
                    name, subdir = str(told["package_name"]), str(told.get("subdir", ""))
                    found[number] = Deployed(subdir, name, self._current(place), place)
        return found

    def _current(self, place: str) -> str:
        try:
            if self._windows:
                text = files.read_bytes(os.path.join(place, "_current.txt"), 200).decode("ascii").strip()
            else:
                text = os.readlink(os.path.join(place, "_current"))
        except (OSError, ValueError):
            return ""
        return text if looks_like_instance_id(text) else ""

    def deploy(self, subdir: str, pin: Pin, path: str, *, override: str = "") -> None:
        """Put the package file at `path` in place of what there was of that package.

        `override` is an install mode that counts instead of the package's own. What is there stays
        whole until the new files are unpacked and checked; then each file changes at once.
        """
        if subdir.split("/", 1)[0].lower() == SERVICE:
            raise UserError(f"`{subdir}` belongs to the deployment itself")
        with files.disk_errors("deploy to", self.top):
            place = self._slot(subdir, pin.name)
            before = self._listed(place, self._current(place))
            with self._aside() as aside:
                fresh = os.path.join(aside, "unpacked")
                mode = siteplace.unpack(pin, path, fresh, override=override, windows=self._windows)
                content = os.path.join(place, pin.instance_id)
                files.remove_tree(content)
                os.rename(fresh, content)
            listed = self._listed(place, pin.instance_id)
            home = os.path.join(self.top, *filter(None, subdir.split("/")))
            os.makedirs(home, exist_ok=True)
            siteplace.put(listed, content, home, None if mode == "copy" else os.path.join(place, "_current"))
            self._set_current(place, pin.instance_id)
            siteplace.take_away(before, home, keep=listed)
            self._sweep(place, pin.instance_id)

    def remove(self, gone: Deployed) -> None:
        """Take a package away, and the directories that are empty then."""
        with files.disk_errors("remove from", self.top):
            home = os.path.join(self.top, *filter(None, gone.subdir.split("/")))
            siteplace.take_away(self._listed(gone.place, gone.instance_id), home, keep=())
            files.remove_tree(gone.place)
            if gone.subdir:
                with contextlib.suppress(OSError):
                    os.rmdir(home)

    def is_whole(self, deployed: Deployed, paranoid_mode: str) -> bool:
        """Whether its files are still there (CheckPresence), or still the same (CheckIntegrity)."""
        if paranoid_mode in ("", "NotParanoid"):
            return True
        content = os.path.join(deployed.place, deployed.instance_id)
        home = os.path.join(self.top, *filter(None, deployed.subdir.split("/")))
        if not os.path.exists(os.path.join(content, *manifest.PATH.split("/"))):
            return False
        listed = self._listed(deployed.place, deployed.instance_id)
        return all(
            siteplace.is_sound(each, home, hashed=paranoid_mode == "CheckIntegrity") for each in listed
        )

    def _slot(self, subdir: str, name: str) -> str:
        """The package's directory, made with the smallest free number where there is none."""
        slots = self._slots()
        for found in slots.values():
            if (found.subdir, found.name) == (subdir, name):
                return found.place
        packages = os.path.join(self.top, SERVICE, "pkgs")
        os.makedirs(packages, exist_ok=True)
        taken = set(os.listdir(packages))
        number = next(str(number) for number in range(len(taken) + 1) if str(number) not in taken)
        about = {"subdir": subdir, "package_name": name} if subdir else {"package_name": name}
        place = os.path.join(packages, number)
        with self._aside() as aside:
            made = os.path.join(aside, "slot")
            os.mkdir(made)
            files.write_bytes(os.path.join(made, "description.json"), manifest.as_json(about), mode=0o644)
            os.rename(made, place)
        return place

    @contextlib.contextmanager
    def _aside(self) -> Iterator[str]:
        """A directory of our own for what has no final name yet."""
        place = os.path.join(self.top, SERVICE, "tmp")
        os.makedirs(place, exist_ok=True)
        with files.staging_directory(place, "new-") as aside:
            yield aside
        with contextlib.suppress(OSError):
            os.rmdir(place)

    def _listed(self, place: str, instance_id: str) -> tuple[Listed, ...]:
        """The files of an instance that is there, as its manifest lists them."""
        if not instance_id:
            return ()
        try:
            path = os.path.join(place, instance_id, *manifest.PATH.split("/"))
            return siteplace.read_listing(files.read_bytes(path, LARGEST))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return ()

    def _set_current(self, place: str, instance_id: str) -> None:
        if self._windows:
            files.write_bytes(os.path.join(place, "_current.txt"), instance_id.encode(), mode=0o644)
            return
        siteplace.link(instance_id, os.path.join(place, "_current"))

    def _sweep(self, place: str, instance_id: str) -> None:
        """Leave nothing of former instances, nor the empty directories of this one."""
        for name in os.listdir(place):
            if name != instance_id and looks_like_instance_id(name):
                files.remove_tree(os.path.join(place, name))
        for parent, _, _ in os.walk(os.path.join(place, instance_id), topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(parent)
