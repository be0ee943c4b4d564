"""Package service as a `PackageLoader`: resolves versions and downloads package files.

The answer for a tag, and for a SHA-1 id, is cached for ever, for a ref a day; both are asked for again where
the freshness says so. Where the service cannot be asked, the last answer is used. A SHA-256 id needs none.
"""

from __future__ import annotations

import contextlib

from vpy.errors import ToolError, UserError
from vpy.model import Pin, Resolution
from vpy.packages import store
from vpy.packages.cipd import prpc
from vpy.packages.cipd.names import (
    SHA256,
    looks_like_instance_id,
    parse_instance_id,
    parse_package_name,
    parse_version,
    reference_from_id,
    weak_hash_note,
)
from vpy.packages.freshness import OUTAGE_SECONDS, REF_SECONDS, Freshness
from vpy.packages.loader import collect, telling
from vpy.system import locks
from vpy.system.lean.dataclasses import replace, value
from vpy.system.network import urls
from vpy.system.network.download import Download
from vpy.system.network.retry import NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from vpy.model import Wanted
    from vpy.packages.cipd.caches import Caches
    from vpy.packages.cipd.names import Version
    from vpy.packages.loader import Arrived, Cache
    from vpy.system.layout import Layout
    from vpy.system.network.http import Client
    from vpy.system.terminal import Terminal

WORKERS = 8
DISABLED = "network access is disabled by `-vpython-offline`"


@value
class CachedAnswer:
    """Answer of the service for a version, and when it came (seconds since the epoch)."""

    instance_id: str
    asked: float


class CipdLoader:
    """`PackageLoader` over the package service; `origin` is the source as a user spells it.

    `contact` is the hint where the service does not have something, `hint` the one where it cannot be
    reached. Without a `client`, network access is disabled.
    """

    def __init__(
        self,
        service: prpc.Service,
        client: Client | None,
        *,
        layout: Layout,
        cache: Cache,
        caches: Caches,
        terminal: Terminal,
        freshness: Freshness,
        origin: str,
        contact: str | None = None,
        hint: str | None = None,
        arrived: Arrived | None = None,
    ) -> None:
        self._service = service
        self._client = client
        self._layout = layout
        self._cache = cache
        self._caches = caches
        self._terminal = terminal
        self._freshness = freshness
        self._origin = origin
        self._contact = contact
        self._hint = hint
        self._arrived = arrived
        self._outage: NetworkError | None = None
        self._outdated: list[tuple[str, str]] = []

    def resolve(self, packages: Sequence[Wanted], dependencies: Sequence[str] = ()) -> Resolution:
        """Pin each package by what the service says, or by the last answer where it cannot be reached."""
        self._outage = None
        self._outdated.clear()
        pins = collect(packages, self._pin, workers=WORKERS, stop=self._stop)
        if self._outdated:
            names, reasons = zip(*sorted(self._outdated), strict=True)
            self._terminal.warning(f"using the last answers for {', '.join(names)}: {reasons[0]}")
        return Resolution(pins)

    def fetch(self, pins: Sequence[Pin]) -> tuple[str, ...]:
        """Return verified package files, downloaded where the root and the caches lack them."""
        return collect(pins, telling(self._fetch, self._arrived), workers=WORKERS, stop=self._stop)

    def forget(self, pins: Sequence[Pin]) -> None:
        """Drop what the service said of these pins: their tags may be moved to better packages."""
        for pin in pins:
            self._cache.drop(self._question(pin.name, pin.version))

    def release(self, pins: Sequence[Pin]) -> None:
        """Do nothing: a package may hold the wheels of other targets, too."""

    def _stop(self) -> None:
        if self._client is not None:
            self._client.stop()

    def _pin(self, wanted: Wanted) -> Pin:
        name = parse_package_name(wanted.name)
        version = parse_version(wanted.version)
        instance_id, until = (wanted.instance_id, 0) if wanted.instance_id else self._resolve(name, version)
        note = weak_hash_note(instance_id)
        return Pin(name, wanted.template, wanted.version, instance_id, self._origin, note, until)

    def _resolve(self, name: str, version: Version) -> tuple[str, int]:
        """Return the instance of a version, and until when that holds (0: for ever)."""
        if version.kind == "id" and reference_from_id(parse_instance_id(version.text))[0] == SHA256:
            return version.text, 0
        is_ref = version.kind == "ref"
        rule = replace(self._freshness, max_age=REF_SECONDS if is_ref else 0)
        cached = self._cached(name, version.text)
        if cached is not None and rule.holds(cached.asked):
            return cached.instance_id, rule.until(cached.asked)
        if cached is not None and self._client is None:
            self._outdated.append((f"`{name}` at `{version.text}`", DISABLED))
            return cached.instance_id, int(rule.now()) + OUTAGE_SECONDS

        try:
            instance_id = self._ask(name, version.text, hurried=cached is not None)
        except UserError as error:
            raise type(error)(error.lines, hint=error.hint or self._contact or None) from error
        except NetworkError as error:
            if cached is None:
                raise
            self._outdated.append((f"`{name}` at `{version.text}`", error.message))
            return cached.instance_id, int(rule.now()) + OUTAGE_SECONDS
        return instance_id, rule.until(rule.now())

    def _question(self, name: str, version: str) -> object:
        return ["cipd", self._service.root, name, version]

    def _cached(self, name: str, version: str) -> CachedAnswer | None:
        answer = self._cache.get(self._question(name, version))
        try:
            return CachedAnswer(parse_instance_id(answer["instance"]), float(answer["asked"]))
        except (KeyError, TypeError, ValueError, UserError):
            return None

    def _ask(self, name: str, version: str, *, hurried: bool) -> str:
        """Return the instance that the service names for a version, and cache it."""
        reply = self._call("ResolveVersion", {"package": name, "version": version}, hurried=hurried)
        service = urls.shown(self._service.root)
        try:
            instance_id = prpc.id_from_object_ref(reply["instance"])
        except (KeyError, TypeError, AttributeError, UserError):
            raise NetworkError(f"`{service}` answers with an instance id that cannot be read") from None

        if looks_like_instance_id(version) and instance_id != version:
            raise NetworkError(f"`{service}` answers with another instance: `{instance_id}`")
        self._cache.put(
            self._question(name, version), {"instance": instance_id, "asked": self._freshness.now()}
        )
        return instance_id

    def _call(self, method: str, message: Mapping[str, object], *, hurried: bool = False) -> dict[str, Any]:
        """Call the service; raise the last error at once while it cannot be reached."""
        if self._client is None:
            raise ToolError(
                f"it is not cached, and {DISABLED}",
                hint="run it once without -vpython-offline",
            )
        if self._outage is not None:
            raise self._outage
        try:
            return self._service.call(method, message, hurried=hurried)
        except NetworkError as error:
            if error.transient:
                error.hint = error.hint or self._hint
                self._outage = error
            raise

    def _fetch(self, pin: Pin) -> str:
        with locks.exclusive(self._layout.lock("package", pin.instance_id[:2])):
            caches = self._caches.streams(pin.instance_id)
            path = store.ensure(pin, lambda: self._stream(pin), self._layout, caches=caches)
        self._caches.add(pin.instance_id, path)
        return path

    def _stream(self, pin: Pin) -> Iterable[bytes]:
        """Yield the bytes of a package file from the service's storage."""
        if self._client is None:
            raise ToolError(
                f"its file is not cached, and {DISABLED}",
                hint="run it once without -vpython-offline",
            )
        return Download(self._client, lambda: self._signed_url(pin), pin.name, self._terminal.status).pieces()

    def _signed_url(self, pin: Pin) -> str:
        """Return a fresh signed URL of the package file, which expires after a while."""
        message = {"package": pin.name, "instance": prpc.object_ref(pin.instance_id)}
        url = self._call("GetInstanceURL", message).get("signedUrl")
        service = urls.shown(self._service.root)
        if not isinstance(url, str) or not url:
            raise NetworkError(f"`{service}` names no address for the package file")
        with contextlib.suppress(UserError):
            return urls.check(url)
        raise NetworkError(f"`{service}` names an address that is refused: `{urls.shown(url)}`")
