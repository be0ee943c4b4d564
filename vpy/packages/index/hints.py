"""Ways out of an error of the index, where its facts name one."""

from __future__ import annotations

from vpy.system import sdist_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

OLDEST = 8  # minor version of the oldest Python that an environment can be made of
# Modules whose project has another name, as is often found out by the lack of a project.
_PROJECTS = {
    "attr": "attrs", "bs4": "beautifulsoup4", "crypto": "pycryptodome", "cv2": "opencv-python",
    "dateutil": "python-dateutil", "dotenv": "python-dotenv", "fitz": "pymupdf", "git": "gitpython",
    "google-protobuf": "protobuf", "jwt": "pyjwt", "magic": "python-magic", "mysqldb": "mysqlclient",
    "openssl": "pyopenssl", "pil": "pillow", "pkg-resources": "setuptools", "psycopg2cffi": "psycopg2",
    "serial": "pyserial", "skimage": "scikit-image", "sklearn": "scikit-learn", "usb": "pyusb",
    "win32api": "pywin32", "win32com": "pywin32", "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip
# Projects that many scripts ask for: a name that no index has may be one of theirs, misspelt. An index tells
# all of its names, tens of megabytes, or none.
_USUAL = (
    "aiohttp arrow attrs beautifulsoup4 black boto3 botocore cachetools certifi charset-normalizer click "
    "colorama coverage cryptography cython dask django docker docopt duckdb fastapi filelock flask fsspec "
    "google-auth grpcio gunicorn h5py httpx humanize hypothesis idna ipython jinja2 joblib jsonschema "
    "jupyter keyring loguru lxml markdown markupsafe matplotlib more-itertools msgpack mypy networkx nltk "
    "notebook numba numpy openai opencv-python openpyxl orjson packaging pandas paramiko pexpect pillow "
    "pip platformdirs playwright plotly polars protobuf psutil psycopg2 psycopg2-binary pyarrow pycparser "
    "pycryptodome pydantic pygments pyjwt pylint pymongo pymysql pyparsing pyserial pytest "
    "python-dateutil python-dotenv pytz pyyaml pyzmq redis regex requests rich ruff scikit-image "
    "scikit-learn scipy seaborn selenium setuptools simplejson six sortedcontainers sqlalchemy starlette "
    "sympy tabulate tenacity tensorflow termcolor toml tomlkit torch tornado tox tqdm transformers typer "
    "typing-extensions ujson urllib3 uvicorn virtualenv watchdog websockets werkzeug wheel xlrd xmltodict "
    "zstandard"
)
_NEAR = 0.8  # of `difflib`: one letter of six


def way_on(row: Mapping[str, Any], tag: str) -> str:
    """Return what to do about an error, "" where nothing is known; `tag` is the target's best."""
    kind = row["kind"]
    if kind == "project":
        return _other_name(row["project"])
    if kind == "version" and contradicts_itself(row["requirement"]):
        return "give it bounds that a version can meet" if not row["parent"] else ""
    if kind == "version":
        return _prerelease(row)
    if kind == "yanked":
        newest = next(iter(row["versions"]))
        return f"to use a withdrawn version all the same, pin it: `{row['project']}=={newest}`"
    if kind == "wheel":
        return _other_python(row, tag)
    if kind == "rounds" and row["together"]:
        return f"these go together: {_listed(row['together'])}"
    if kind == "rounds":
        return "give what the conflicts are about narrower bounds in the script"
    if kind == "conflict" and row.get("loosened"):
        return f"{' or '.join(f'`{text}`' for text in row['loosened'])} would go with the rest"
    return next(filter(None, (way_on(each, tag) for each in row.get("lacking", ()))), "")


def is_for_other_pythons(row: Mapping[str, Any]) -> bool:
    """Return whether all files that fit a requirement are for other Pythons by their `requires-python`."""
    return bool(row.get("pythons")) and len(row["pythons"]) == len(row["files"])


def pythons_by_version(row: Mapping[str, Any]) -> dict[str, str]:
    """Return which Python versions need, newest first; of versions that need the same the newest."""
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    by_version: dict[Version, str] = {}
    for name, text in row["pythons"].items():
        of_sdist = sdist_name.version_text(name, row["project"], canonicalize_name)
        try:
            by_version[Version(of_sdist or name.split("-")[1])] = text
        except (InvalidVersion, IndexError):
            continue
    newest: dict[str, str] = {}
    for version in sorted(by_version, reverse=True):
        newest.setdefault(by_version[version], str(version))
    return {version: text for text, version in newest.items()}


def contradicts_itself(requirement: str) -> bool:
    """Return whether no version at all can meet a requirement."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(requirement).specifier.is_unsatisfiable()
    except InvalidRequirement:
        return False


def _other_name(project: str) -> str:
    import sys

    name = project.replace("_", "-").lower()
    if project in sys.stdlib_module_names:
        return f"`{project}` is a module of Python itself, which needs no requirement"
    if name in _PROJECTS:
        return f"the module `{project}` is in the project `{_PROJECTS[name]}`"
    import difflib

    near = difflib.get_close_matches(name, _USUAL.split(), n=1, cutoff=_NEAR)
    return f"did you mean `{near[0]}`?" if near else ""


def _prerelease(row: Mapping[str, Any]) -> str:
    """Return that a pre-release of a wanted version exists: a bound that names one allows them (PEP 440)."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import Version

    try:
        specifier = Requirement(row["requirement"]).specifier
    except InvalidRequirement:
        return ""
    versions = sorted((Version(text) for text in row["fitting"]), reverse=True)
    for version in versions:
        if version.is_prerelease and specifier.contains(version.base_version):
            return f"only a pre-release is that new: for it ask for `{row['project']}>={version}`"
    return ""


def _other_python(row: Mapping[str, Any], tag: str) -> str:
    """Return which version has a wheel for this Python, and which Python has what fits."""
    if is_for_other_pythons(row):
        return _newer_python(row)
    if row.get("note"):  # it is built
        return ""
    ways = []
    if row.get("next") and not row["parent"]:
        ways.append(f"take `{row['project']}=={row['next']}`, which has a wheel")
    if minors := [minor for minor in _minors([name for name, _ in row["files"]], tag) if minor >= OLDEST]:
        listed = _listed([f"3.{minor}" for minor in minors], mark="")
        ways.append(f"let the script ask for another Python: there are wheels for {listed} here")
    return ", or ".join(ways)


def _newer_python(row: Mapping[str, Any]) -> str:
    older = f"; `{row['project']}=={row['newest']}` is for this one" if row["newest"] else ""
    text = next(iter(pythons_by_version(row).values()), "")
    return f'let the script ask for such a Python, with `requires-python = "{text}"`{older}' if text else ""


def _minors(files: list[str], tag: str) -> list[int]:
    """Return the minor versions of CPython 3 that wheels for the target's system and architecture are for.

    Those for a free-threaded build do not count.
    """
    import re

    system, _, architecture = tag.rpartition("-")[2].partition("_")
    found = set()
    for name in map(str.lower, files):
        match = re.search(r"-cp3(\d+)-(?!cp\d+t-)[^-]+-([^-]+)\.whl$", name)
        if match and system[:5] in match[2] and match[2].endswith(architecture):
            found.add(int(match[1]))
    return sorted(found)


def _listed(items: list[str], mark: str = "`") -> str:
    return ", ".join(f"{mark}{item}{mark}" for item in items)
