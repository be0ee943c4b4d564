"""Settings of a start that may come from several places, and from which one each comes.

An option comes first, then a variable, the spec, the user's configuration file, the built-in default. The
variable of the index's address makes the index the source where no option, variable or spec names another.
"""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.model import Observation
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.request import Request
    from vpy.model import Spec
    from vpy.operations.context import Context

KEYS = ("build", "python", "refresh-after", "releases", "source", "store", "store-trust")
LARGEST = 64 * 1024
BUILT_IN = "built in"
# Address of the index, by its name in the original, which has no other source.
INDEX_VARIABLE = "VPYTHON_AR_URL"
STORE_VARIABLE = "VPYTHON_STORE"


@value
class Setting:
    """Value of a setting and where it comes from; `directory` is what a relative path in it stands in."""

    text: str
    origin: str
    directory: str
    observations: tuple[Observation, ...] = ()

    @property
    def is_asked_for(self) -> bool:
        """Whether it comes from the command line or a variable."""
        return self.origin.startswith(("-vpython-", "VPYTHON_"))


@value
class Store:
    """OCI repository that is asked for files before their source, "" for none, and what it is believed.

    That is `files`, which have a hash, or `resolutions` too.
    """

    address: Setting
    trust: Setting


@value
class Age:
    """Age in seconds at which an index is asked again, 0 for none, as text too; and where it comes from."""

    seconds: int
    text: str
    origin: str
    observations: tuple[Observation, ...] = ()


@value
class UserFile:
    """User's configuration file: its path, its keys, and the observation of it."""

    path: str
    values: Mapping[str, str]
    observations: tuple[Observation, ...]


def user_path(environ: Mapping[str, str]) -> str:
    """Return the path of the user's configuration file; "" where there is no home."""
    if os.name == "nt":
        base = environ.get("APPDATA", "")
    else:
        home = environ.get("HOME", "")
        base = environ.get("XDG_CONFIG_HOME", "")
        base = base if os.path.isabs(base) else home and os.path.join(home, ".config")
    return os.path.join(base, "vpython", "config.toml") if os.path.isabs(base) else ""


def user_file(environ: Mapping[str, str]) -> UserFile:
    """Read the user's configuration file; raise UserError where it is broken."""
    from vpy.system import files

    path = user_path(environ)
    if not path:
        return UserFile("", {}, ())
    try:
        data = files.read_bytes(path, LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return UserFile(path, {}, (Observation("no-file", (path,)),))
    except OSError as error:
        raise UserError(f"cannot read `{path}`: {error.strerror}") from None
    from vpy.spec.settings import parse_user_file

    values = parse_user_file(data, path, KEYS)
    return UserFile(path, values, (Observation("content", (path, data.decode("latin-1"))),))


def source(request: Request, context: Context, spec: Spec | None = None) -> Setting:
    """Return the package source of a start."""
    spec_text = spec.source if spec else ""
    spec_path = spec.path if spec else ""
    return _first("source", request, context, spec_text, spec_path, context.config.default_source)


def python(request: Request, context: Context) -> Setting:
    """Return which Python is asked for besides the spec: a version, a name, a path or ""."""
    return _first("python", request, context, "", "", "")


def refresh_after(context: Context, spec: Spec | None = None) -> Age:
    """Return the age at which the answer of an index is too old: the spec's, the user's, else the default."""
    if spec and spec.refresh_after:
        return Age(spec.refresh_after, f"{spec.refresh_after} seconds", "[tool.vpython] of the spec")
    user = user_file(context.environ)
    text = user.values.get("refresh-after", "")
    origin = user.path if text else BUILT_IN
    text = text or context.config.refresh_after
    if not text:
        return Age(0, "", origin, user.observations)
    from vpy.spec.times import parse_duration

    return Age(parse_duration(text) or 0, text, origin, user.observations)


def releases(context: Context) -> Setting:
    """Return where newer versions of vpython are: a directory or an address, "" for nowhere."""
    user = user_file(context.environ)
    if "releases" in user.values:
        return Setting(user.values["releases"], user.path, os.path.dirname(user.path))
    return Setting(context.config.releases, BUILT_IN, "/")


def store(context: Context, spec: Spec | None = None) -> Store:
    """Return the store of a start. One that only the spec names is believed no more than files."""
    user = user_file(context.environ)

    def of_user(name: str, default: str) -> Setting:
        if name in user.values:
            return Setting(user.values[name], user.path, os.path.dirname(user.path), user.observations)
        return Setting(default, BUILT_IN, "/")

    trust = of_user("store-trust", context.config.store_trust)
    if STORE_VARIABLE in context.environ:
        return Store(Setting(context.environ[STORE_VARIABLE], STORE_VARIABLE, "/"), trust)
    if spec and spec.store:
        address = Setting(spec.store, spec.path, os.path.dirname(spec.path))
        return Store(address, Setting("files", BUILT_IN, "/"))
    return Store(of_user("store", context.config.store), trust)


def no_build(context: Context) -> str:
    """Return what forbids to build any wheel: the option, or the user's file; "" for nothing."""
    if not context.builds:
        return "-vpython-no-build"
    user = user_file(context.environ)
    return f"`{user.path}`" if user.values.get("build") == "false" else ""


def given(name: str, request: Request) -> Setting | None:
    """Return an option's value where the command line or a variable gives it."""
    from bootstrap.command_line import VARIABLES

    text = request.options.get(name)
    if text is None:
        return None
    words = (word.lstrip("-").partition("=")[0] for word in request.options.words)
    origin = f"-vpython-{name}" if f"vpython-{name}" in words else VARIABLES.get(name, f"-vpython-{name}")
    return Setting(text, origin, request.cwd or "/")


def _first(
    name: str, request: Request, context: Context, spec_text: str, spec_path: str, default: str
) -> Setting:
    if found := given(name, request):
        return found
    if spec_text:
        return Setting(spec_text, spec_path, os.path.dirname(spec_path))
    if name == "source" and (url := context.environ.get(INDEX_VARIABLE)):
        return Setting(f"index:{url}", INDEX_VARIABLE, "/")
    user = user_file(context.environ)
    if name in user.values:
        return Setting(user.values[name], user.path, os.path.dirname(user.path), user.observations)
    return Setting(default, BUILT_IN, "/", user.observations)
