"""The `cipd` source: versions and package files from the package service.

A tag, and an id of the weaker kind, is asked once and remembered for ever; a ref for a day. Where the
service is away, the last good answer serves. An id of SHA-256 needs no answer.
"""

from __future__ import annotations

import contextlib

from vpy.errors import ToolError, UserError
from vpy.model import Pin
from vpy.packages import instance
from vpy.packages.cipd import SHA1, SHA256, id_from_reference, reference_from_id, weakness
from vpy.packages.download import Download
from vpy.packages.loader import collect
from vpy.packages.names import looks_like_instance_id, parse_instance_id, parse_package_name, parse_version
from vpy.system import address, locks
from vpy.system.patience import NetworkError
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from vpy.model import Wanted
    from vpy.packages.caches import Caches
    from vpy.packages.loader import Memory
    from vpy.packages.names import Version
    from vpy.packages.prpc import Service
    from vpy.system.http import Client
    from vpy.system.layout import Layout
    from vpy.system.progress import Progress
    from vpy.system.terminal import Terminal

DAY = 24 * 3600
AWAY_SECONDS = 15 * 60
ALGORITHMS = {"SHA1": SHA1, "SHA256": SHA256}
NUMBERS = {number: name for name, number in ALGORITHMS.items()}
WORKERS = 8


@value
class Answered:
    """What a version was said to be, and when (seconds since the epoch)."""

    instance_id: str
    asked: float


class CipdLoader:
    """A `PackageLoader` over the package service; `origin` is the source as a user spells it.

    `contact` is the hint where the service does not have something, `way_out` the one where it is away.
    Without a `client` nobody is asked.
    """

    def __init__(
        self,
        service: Service,
        client: Client | None,
        *,
        layout: Layout,
        memory: Memory,
        caches: Caches,
        terminal: Terminal,
        now: Callable[[], float],
        progress: Progress,
        origin: str,
        contact: str = "",
        way_out: str = "",
    ) -> None:
        self._service = service
        self._client = client
        self._layout = layout
        self._memory = memory
        self._caches = caches
        self._terminal = terminal
        self._now = now
        self._progress = progress
        self._origin = origin
        self._contact = contact
        self._way_out = way_out
        self._away: NetworkError | None = None
        self._old: list[tuple[str, str]] = []

    def resolve(self, wanted: Sequence[Wanted]) -> tuple[Pin, ...]:
        self._away = None
        self._old.clear()
        pins = collect(wanted, self._pin, workers=WORKERS, stop=self._stop)
        if self._old:
            names, reasons = zip(*sorted(self._old), strict=True)
            self._terminal.warning(f"using the last answers for {', '.join(names)}: {reasons[0]}")
        return pins

    def fetch(self, pins: Sequence[Pin]) -> tuple[str, ...]:
        return collect(pins, self._fetched, workers=WORKERS, stop=self._stop)

    def _stop(self) -> None:
        if self._client is not None:
            self._client.stop()

    def _pin(self, wanted: Wanted) -> Pin:
        name = parse_package_name(wanted.name)
        version = parse_version(wanted.version)
        found, until = self._meant(name, version)
        return Pin(name, wanted.template, wanted.version, found, self._origin, weakness(found), until)

    def _meant(self, name: str, version: Version) -> tuple[str, int]:
        """The instance that is meant, and until when that holds (0: for ever)."""
        if version.kind == "id" and reference_from_id(parse_instance_id(version.text))[0] == SHA256:
            return version.text, 0
        known = self._known(name, version.text)
        if known is not None:
            if version.kind != "ref":
                return known.instance_id, 0
            age = self._now() - known.asked
            if self._client is None or 0 <= age < DAY:
                return known.instance_id, int(known.asked) + DAY
        try:
            found = self._asked(name, version.text, hurried=known is not None)
        except UserError as error:
            raise UserError(error.message, hint=error.hint or self._contact or None) from error
        except NetworkError as error:
            if known is None:
                raise
            self._old.append((f"`{name}` at `{version.text}`", error.message))
            return known.instance_id, int(self._now()) + AWAY_SECONDS
        return found, 0 if version.kind != "ref" else int(self._now()) + DAY

    def _question(self, name: str, version: str) -> object:
        return ["cipd", self._service.root, name, version]

    def _known(self, name: str, version: str) -> Answered | None:
        told = self._memory.recall(self._question(name, version))
        try:
            return Answered(parse_instance_id(told["instance"]), float(told["asked"]))
        except (KeyError, TypeError, ValueError, UserError):
            return None

    def _asked(self, name: str, version: str, *, hurried: bool) -> str:
        reply = self._call("ResolveVersion", {"package": name, "version": version}, hurried=hurried)
        found = _instance_of(reply, address.shown(self._service.root))
        if looks_like_instance_id(version) and found != version:
            raise NetworkError(
                f"`{address.shown(self._service.root)}` answers with another instance: `{found}`"
            )
        self._memory.keep(self._question(name, version), {"instance": found, "asked": self._now()})
        return found

    def _call(self, method: str, message: dict[str, object], *, hurried: bool = False) -> dict[str, Any]:
        """Ask the service, unless it has just been found to be away."""
        if self._client is None:
            raise ToolError(
                "it is not known here, and nobody may be asked", hint="run it once without -vpython-offline"
            )
        if self._away is not None:
            raise self._away
        try:
            return self._service.call(method, message, hurried=hurried)
        except NetworkError as error:
            if error.passing:
                error.hint = error.hint or self._way_out or None
                self._away = error
            raise

    def _fetched(self, pin: Pin) -> str:
        lock = self._layout.lock("package", pin.instance_id[:2])
        with locks.exclusive(lock):
            path = instance.store(
                pin,
                lambda: self._pieces(pin),
                self._layout,
                nearby=self._caches.sources(pin.instance_id),
            )
        self._caches.add(pin.instance_id, path)
        return path

    def _pieces(self, pin: Pin) -> Iterable[bytes]:
        if self._client is None:
            raise ToolError(
                "its file is not here, and nobody may be asked", hint="run it once without -vpython-offline"
            )
        return Download(self._client, lambda: self._signed(pin), self._progress).pieces()

    def _signed(self, pin: Pin) -> str:
        """A fresh address of the package file, which holds for a while."""
        algorithm, digest = reference_from_id(pin.instance_id)
        message = {"hashAlgo": NUMBERS[algorithm], "hexDigest": digest}
        reply = self._call("GetInstanceURL", {"package": pin.name, "instance": message})
        url = reply.get("signedUrl")
        if not isinstance(url, str) or not url:
            raise NetworkError(f"`{address.shown(self._service.root)}` names no address for the package file")
        with contextlib.suppress(UserError):
            return address.check(url)
        raise NetworkError(
            f"`{address.shown(self._service.root)}` names an address that is refused: `{address.shown(url)}`"
        )


def _instance_of(reply: dict[str, Any], service: str) -> str:
    """The instance id in a reply to `ResolveVersion`."""
    try:
        found = reply["instance"]
        return id_from_reference(ALGORITHMS[found["hashAlgo"]], found["hexDigest"])
    except (KeyError, TypeError, AttributeError, UserError):
        raise NetworkError(f"`{service}` names no instance that can be read") from None
