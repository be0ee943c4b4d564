"""Start hook: verifies a start inside its environment, and holds the environment's lock while it runs.

It is copied into each environment as `_vpython_start.py` and run by a `.pth` line of its
site-packages, which finds it by its place. It runs in any Python from 3.8 up, imports nothing of
the project and as little else as possible. The doors and the builder use its `holds` too, where no
environment's own Python checks (`-S`) or before one is started.

`VPYTHON_RECORD`, set by a door, is lines: a mark (`+` check, `=` already checked) and the file of
vpython as it was called; what runs that file; the record's path; each of vpython's own options.
On Windows the door, which waits for its child, checks by itself and sets nothing.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ELOOP = (40, 62)  # Linux, macOS: a link that leads in a circle was meant to be a file
RANGE_FIRST, RANGE_SLOTS, RANGE_TRIES = 4096, 1 << 30, 4


def start():  # type: () -> None
    """Hold this environment; when a door sent us, check its record or go the long way."""
    before = set(sys.modules)
    path = sys.path[:]
    if os.environ.get("PYTHONPATH"):
        _leave_foreign_path(os.environ["PYTHONPATH"])
    lines = os.environ.get("VPYTHON_RECORD", "").split("\n")
    if lines[0] != "!":  # that one is for a vpython which this environment's Python is about to run
        os.environ.pop("VPYTHON_RECORD", None)
    prefix = _prefix()
    # The second name is for a link to the environment, which anybody may have made.
    held = hold(lock_path(prefix)) or hold(lock_path(os.path.realpath(prefix)))
    asked = lines[0][:1] == "+" and len(lines) > 2
    if asked and not (held and is_fit(prefix) and holds(lines[2], _path_given(prefix), prefix)):
        go_the_long_way(lines[0][1:], lines[1], lines[3:], prefix)
    import atexit

    atexit.register(_hint_at_the_end, lines[2] if len(lines) > 2 and "-vpython-dev" not in lines else "")
    if sys.version_info < (3, 10):  # noqa: UP036 - the hook runs in them, too
        before.add("atexit")  # its callbacks are freed with it there, and called nevertheless
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


# What often used distributions bring, as MODULE or MODULE=DISTRIBUTION where the names differ.
BROUGHT = (
    "absl=absl-py aiohttp anthropic anyio apiclient=google-api-python-client arrow attr=attrs attrs azure "
    "boto boto3 botocore bs4=beautifulsoup4 cachetools certifi cffi chardet charset_normalizer click "
    "cloudpickle colorama coverage crcmod Crypto=pycryptodome cryptography cv2=opencv-python "
    "Cython=cython cython=cython dask dateutil=python-dateutil decorator distro django=django docker "
    "docopt docutils docx=python-docx dotenv=python-dotenv duckdb dulwich exceptiongroup fastapi filelock "
    "flask=flask freezegun fsspec future gflags=python-gflags git=gitpython github=pygithub "
    "gitlab=python-gitlab google=protobuf grpc=grpcio gunicorn h5py httplib2 httpx hypothesis idna "
    "imageio IPython=ipython jinja2=jinja2 jose=python-jose jsonschema jwt=pyjwt kubernetes "
    "ldap=python-ldap loguru lxml magic=python-magic mako=mako markdown=markdown markupsafe=markupsafe "
    "matplotlib mock more_itertools=more-itertools msgpack mypy MySQLdb=mysqlclient networkx nose numba "
    "numpy oauth2client openai openpyxl OpenSSL=pyopenssl orjson packaging pandas parameterized paramiko "
    "path pathspec peewee pefile pexpect PIL=pillow pip pkg_resources=setuptools platformdirs playwright "
    "plotly ply polars psutil psycopg2=psycopg2-binary pyarrow pyasn1 pycparser pydantic pyfakefs pygame "
    "pygments=pygments pylint pymongo pymysql=pymysql pyparsing PyQt5 PySide6 pytest pytz "
    "pyximport=cython redis regex requests rich ruamel=ruamel.yaml scipy selenium serial=pyserial "
    "setuptools shapely simplejson six skimage=scikit-image sklearn=scikit-learn slugify=python-slugify "
    "sortedcontainers sqlalchemy=sqlalchemy starlette sympy tabulate tensorflow termcolor toml tomlkit "
    "torch tornado tox tqdm trio twisted=twisted typer typing_extensions=typing-extensions tzlocal ujson "
    "urllib3 usb=pyusb uvicorn watchdog wcwidth webob=webob websocket=websocket-client websockets "
    "werkzeug=werkzeug wheel win32api=pywin32 win32con=pywin32 xlrd xlsxwriter=xlsxwriter xmltodict "
    "yaml=pyyaml yarl zmq=pyzmq zope=zope.interface zstandard"
)


def _hint_at_the_end(record):  # type: (str) -> None
    """Say how to declare what was missing, where an import or `-m` ended the program."""
    module = _missing_program()
    name = module.partition(".")[0] or _missing_import()
    known = dict((entry + "=" + entry).split("=")[:2] for entry in BROUGHT.split())
    project = known.get(name, name)
    specs = _files_read(record) if name else {}
    spec = next((path for path in specs if _is_dev(project, specs[path])), None)
    if spec is not None:
        way = f": `vpython -vpython-dev -m {module}`" if module else ", which -vpython-dev adds"
        say = f"{project} is in the `dev-dependencies` of `{spec}`{way}"
    elif name in known:
        way = _way_to_run(module, project, specs) if module else _way_to_declare(project)
        say = f"`{name}` comes with {project}, which is not in this environment: {way}"
    else:
        return
    os.write(2, os.fsencode(f"\nhint: {say}\n"))


def _way_to_declare(project):  # type: (str) -> str
    script = sys.argv[0] if sys.argv and os.path.isfile(sys.argv[0]) else "SCRIPT"
    root = os.path.dirname(os.path.dirname(_prefix()))
    if script.startswith(os.path.join(root, "scripts-")):  # it came from an address, and is not edited here
        return f"`-vpython-with {project}`"
    return f"`vpython-tool add {script} {project}`"


def _way_to_run(module, project, specs):  # type: (str, str, dict[str, str]) -> str
    here = os.path.join(os.getcwd(), "")
    for path in specs:
        if path.endswith(".toml") and here.startswith(os.path.join(os.path.dirname(path), "")):
            return f"`vpython-tool add --dev {project}`, then `vpython -vpython-dev -m {module}`"
        if path.endswith((".vpython3", ".vpython")):
            return f"`vpython-tool add {path} {project}`"
    return f"`vpython -vpython-with {project} -m {module}`"


def _missing_import():  # type: () -> str
    """Return the top-level module whose import ended the program; "" for any other end."""
    error = getattr(sys, "last_value", None)
    name = (getattr(error, "name", None) or "").partition(".")[0]
    return "" if type(error) is not ModuleNotFoundError or name in sys.modules else name


def _missing_program():  # type: () -> str
    """Return the module of `-m` where it was not found: then its file never took the place of `-m`."""
    if sys.argv[:1] != ["-m"]:
        return ""
    import importlib.util

    words = iter(_arguments()[1:])
    option = next((word for word in words if word[:1] == "-" and word[1:2] != "-" and "m" in word), "")
    name = option.partition("m")[2] or next(words, "")
    top = name.partition(".")[0]
    return name if top.isidentifier() and importlib.util.find_spec(top) is None else ""


def _files_read(record):  # type: (str) -> dict[str, str]
    """Return path and text of each file whose content this start depends on, its spec among them."""
    try:
        with open(record, "rb") as file:
            rows = [row.split(b"\0") for row in file.read().split(b"\n")]
        names = [row[1] for row in rows if row[0] == b"content"]
        return {os.fsdecode(name): _read(name).decode("utf-8", "replace") for name in names}
    except (OSError, ValueError, IndexError):
        return {}


def _is_dev(project, text):  # type: (str, str) -> bool
    """Return whether the `dev-dependencies` of a spec name a project (PEP 503: as it is normalized)."""
    import re

    lists = re.findall(r"""dev-dependencies\s*=\s*\[((?:[^]"']|"[^"]*"|'[^']*')*)""", text)
    names = re.findall(r"""["']\s*([\w.-]+)""", " ".join(lists))
    return re.sub("[-_.]+", "-", project).lower() in [re.sub("[-_.]+", "-", each).lower() for each in names]


def _leave_foreign_path(given):  # type: (str) -> None
    """Look for modules of ours in the standard library alone: a user's may have the same names."""
    try:
        foreign = {os.path.abspath(entry) for entry in given.split(os.pathsep)}
    except OSError:  # the working directory is gone
        return
    library = os.path.dirname(os.__file__)
    foreign -= {library, os.path.join(library, "lib-dynload")}
    sys.path[:] = [entry for entry in sys.path if entry not in foreign]


def is_fit(prefix):  # type: (str) -> bool
    """Return whether the environment is whole, in a root that only this user can write to."""
    if not os.path.exists(prefix + "/complete"):
        return False
    if os.name == "nt":
        return True
    try:
        found = os.stat(os.path.dirname(os.path.dirname(prefix)))
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _prefix():  # type: () -> str
    depth = 3 if os.name == "nt" else 4
    return __file__.rsplit(os.sep, depth)[0]


def lock_path(prefix):  # type: (str) -> str
    """Return the lock of the environment at `prefix`: `<root>/locks/environment-<key>`."""
    parent, key = os.path.split(prefix)
    return os.path.join(os.path.dirname(parent), "locks", "environment-" + key)


def hold(path):  # type: (str) -> bool
    """Share the lock until this process and all it forks have ended; False where there is none.

    A mapped page keeps the lock even when a daemon closes all its descriptors. The mapping must
    never be torn down: at exit it would close a descriptor number that the script may have reused;
    so it is kept where nothing is ever torn down, among the callbacks of a fork.
    """
    if os.name == "nt":
        return _hold_on_windows(path)
    try:
        import fcntl
        import mmap

        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ImportError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        page = mmap.mmap(descriptor, 1, access=mmap.ACCESS_READ)
    except (OSError, ValueError, AttributeError):  # the last: PYTHONPATH has a module of that name
        return False
    finally:
        os.close(descriptor)
    os.register_at_fork(after_in_child=lambda: page)
    return True


def _hold_on_windows(path):  # type: (str) -> bool
    """Hold one byte of many (see `system/windows_locks.py`), which lasts as long as the handle."""
    system = __import__("msvcrt")
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    for _ in range(RANGE_TRIES):
        os.lseek(descriptor, RANGE_FIRST + int.from_bytes(os.urandom(4), "little") % RANGE_SLOTS, 0)
        try:
            system.locking(descriptor, system.LK_NBLCK, 1)
        except OSError:
            continue
        return True
    os.close(descriptor)
    return False


def _path_given(prefix):  # type: (str) -> str | None
    """PATH as it was before a door put the environment's bin in front; None where it was unset."""
    scripts = prefix + "/bin"
    path = os.environ.get("PATH", "")
    if path == scripts:
        return None
    return path[len(scripts) + 1 :] if path.startswith(scripts + os.pathsep) else path


def go_the_long_way(caller, host, options, prefix):  # type: (str, str, list[str], str) -> None
    """Become vpython again, run by `host` with the same arguments, to plan this start again."""
    arguments = options + _arguments()[2:]
    path = _path_given(prefix)
    if path is None:
        os.environ.pop("PATH", None)
    else:
        os.environ["PATH"] = path
    os.environ.pop("VIRTUAL_ENV", None)  # who names an environment counts as one that uses it
    os.environ["VPYTHON_RECORD"] = "!"
    try:
        os.execv(host, [host, caller, *arguments])
    except OSError as error:
        os.write(2, os.fsencode(f"vpython: cannot start `{host}`: {error.strerror}\n"))
        os._exit(1)


def _arguments():  # type: () -> list[str]
    """Return this process's arguments; before 3.10 only the system or the C interface knows them."""
    arguments = getattr(sys, "orig_argv", None)
    if arguments is not None:
        return list(arguments)
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    except OSError:
        import ctypes

    count, words = ctypes.c_int(), ctypes.POINTER(ctypes.c_wchar_p)()
    ctypes.pythonapi.Py_GetArgcArgv(ctypes.byref(count), ctypes.byref(words))
    return [words[number] or "" for number in range(count.value)]


def holds(record, path, environment):  # type: (str, str | None, str) -> bool
    """Return whether the record is for `environment` and every row is still true; `path` is PATH.

    A door read the environment's path earlier: another start may have replaced the record meanwhile.
    """
    try:
        with open(record, "rb", 0) as file:
            rows = file.read().split(b"\n")
        if rows[0] != os.fsencode(environment) or rows[-2:] != [b"end", b""]:
            return False
        for row in rows[2:-2]:
            fields = row.split(b"\0")
            if not CHECKS[fields[0]](path, *fields[1:]):
                return False
    except (OSError, KeyError, ValueError, TypeError):
        return False
    return True


def _no_file(path, name):  # type: (str | None, bytes) -> bool
    try:
        return os.stat(name).st_mode & 0o170000 != 0o100000
    except OSError as error:
        return error.errno not in ELOOP or not os.path.islink(name)


def _absent(path, name):  # type: (str | None, bytes) -> bool
    return not os.access(name, os.F_OK)  # nothing that can be reached: the search looks no closer


def _exists(path, name):  # type: (str | None, bytes) -> bool
    return os.access(name, os.F_OK)


def without_passwords(text):  # type: (str) -> str
    """Return the text without what stands before an @ in the host part of each URL in it.

    A password may stand there, and nothing of a start's record may hold one.
    """
    pieces = text.split("://")
    for number in range(1, len(pieces)):
        piece = pieces[number]
        end = 0
        while end < len(piece) and piece[end] not in "/?# \t\r\n":
            end += 1
        pieces[number] = piece[piece.rfind("@", 0, end) + 1 :]
    return "://".join(pieces)


def _content(path, name, copy):  # type: (str | None, bytes, bytes) -> bool
    kept = _read(copy)
    return _read(name, len(kept)) == kept


def _read(name, size=-1):  # type: (bytes, int) -> bytes
    """Return the bytes of a regular file or the null device; ValueError where there are not `size`."""
    descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(descriptor)
        if found.st_mode & 0o170000 != 0o100000:
            if found.st_rdev and found.st_rdev == os.stat(os.devnull).st_rdev:
                return b""
            raise ValueError
        if size not in (-1, found.st_size):
            raise ValueError
        data = os.read(descriptor, found.st_size + 1)
        while len(data) < found.st_size:
            more = os.read(descriptor, found.st_size + 1 - len(data))
            if not more:
                break
            data += more
        return data
    finally:
        os.close(descriptor)


def _content_without_passwords(path, name, copy):  # type: (str | None, bytes, bytes) -> bool
    return without_passwords(_read(name).decode("latin-1")).encode("latin-1") == _read(copy)


def _same(path, one, other):  # type: (str | None, bytes, bytes) -> bool
    first, second = os.stat(one), os.stat(other)
    return first.st_ino == second.st_ino and first.st_dev == second.st_dev


def _real(path, name, target):  # type: (str | None, bytes, bytes) -> bool
    return os.path.realpath(name) == target


def _variable(path, name, text):  # type: (str | None, bytes, bytes) -> bool
    return os.fsencode(os.environ.get(os.fsdecode(name), "\0")) == text


def _variable_without_passwords(path, name, text):  # type: (str | None, bytes, bytes) -> bool
    found = os.environ.get(os.fsdecode(name))
    return found is not None and os.fsencode(without_passwords(found)) == text


def _unset(path, name):  # type: (str | None, bytes) -> bool
    return os.fsdecode(name) not in os.environ


def _command(path, name, result):  # type: (str | None, bytes, bytes) -> bool
    return os.fsencode(find_command(os.fsdecode(name), path)) == result


def find_command(name, path):  # type: (str, str | None) -> str
    """Return the first executable `name` on `path`, skipping vpython's environments; "" for none."""
    for directory in (path or "").split(os.pathsep):
        candidate = os.path.join(directory, name)
        fit = os.access(candidate, os.X_OK) and os.path.isfile(candidate)
        if fit and not os.path.exists(os.path.join(directory, "activate_this.py")):
            return candidate
    return ""


def _listing(path, name, mtime):  # type: (str | None, bytes, bytes) -> bool
    return os.stat(name).st_mtime_ns == int(mtime)


def _signature(path, name, size, mtime, inode, ctime):  # type: (str | None, bytes, bytes, bytes, bytes, bytes) -> bool
    found = os.stat(name)
    seen = (found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)
    return seen == (int(size), int(mtime), int(inode), int(ctime))


def _until(path, seconds):  # type: (str | None, bytes) -> bool
    import time

    return time.time() < int(seconds)


CHECKS: "dict[bytes, Callable[..., bool]]" = {
    b"no-file": _no_file,
    b"absent": _absent,
    b"exists": _exists,
    b"content": _content,
    b"content-without-passwords": _content_without_passwords,
    b"same": _same,
    b"real": _real,
    b"variable": _variable,
    b"variable-without-passwords": _variable_without_passwords,
    b"unset": _unset,
    b"command": _command,
    b"listing": _listing,
    b"signature": _signature,
    b"until": _until,
}
