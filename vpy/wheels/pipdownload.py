"""Drive pip's own code: fetch wheels from an index, or look at which there are.

Runs alone, as `pipinstall` does and with the same words, the other module that touches the internals of the
pinned pip. One job comes as JSON on stdin, one answer goes as JSON to stdout; what pip prints goes to stderr.

A job is {directory, requirements: [{text, hashes}], dependencies, tags, markers, version, index}
-> {wheels: [{name, version, url, filename}], notes, errors}. `hashes` are sha256 as hex, any of them;
`index` None leaves the choice to the user's own pip configuration, of which only what says where and
how to reach an index counts.

With `look` nothing is kept: the wheels are those that a download would bring, without `dependencies` as
{row, filename} by the requirement's place in the list, and a requirement without a version is answered
with {row, files}, all the wheels of that project that nobody withdrew. An error has its `row` then.

An error is {kind, …facts}; whoever asked makes the sentence.
"""

# ruff: noqa: SLF001  (pip has no public interface; its private names are this module's subject)
from __future__ import annotations

import importlib
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# What pip raises where the network failed, not the answer.
PASSING = (
    "ConnectionFailedError",
    "ConnectionTimeoutError",
    "IncompleteDownloadError",
    "NetworkConnectionError",
    "ProxyConnectionError",
    "SSLMissingError",
    "SSLVerificationError",
)


def of_pip(module: str) -> Any:
    """One of pip's modules, untyped: what is reached into here is private to it."""
    return importlib.import_module(f"pip.{module}")


class Looked:
    """What the index showed: files passed over, by project, and pages that could not be had."""

    def __init__(self) -> None:
        self.passed: dict[str, dict[tuple[str, str], None]] = {}
        self.failed: list[dict[str, Any]] = []
        self.withdrawn: set[str] = set()

    def watch(self) -> None:
        """Have pip's finder tell what it passes over; pip itself only logs it."""
        collector = of_pip("_internal.index.collector")
        package_finder = of_pip("_internal.index.package_finder")
        evaluate = package_finder.LinkEvaluator.evaluate_link

        def evaluate_link(evaluator: Any, link: Any) -> Any:
            result, detail = evaluate(evaluator, link)
            if link.is_yanked:
                self.withdrawn.add(link.filename)
            if result is not package_finder.LinkType.candidate:
                self.passed.setdefault(evaluator._canonical_name, {})[link.filename, result.name] = None
            return result, detail

        def fail(link: Any, reason: Any, meth: Callable[..., None] | None = None) -> None:
            status = getattr(getattr(reason, "response", None), "status_code", 0)
            self.failed.append({"url": link.redacted_url, "fact": one_line(reason), "status": status})

        package_finder.LinkEvaluator.evaluate_link = evaluate_link
        collector._handle_get_simple_fail = fail

    def of(self, project: str) -> list[tuple[str, str]]:
        """The files of a project that were passed over, each with the reason."""
        return list(self.passed.get(of_pip("_vendor.packaging.utils").canonicalize_name(project), ()))

    def unreachable(self) -> list[dict[str, Any]]:
        """The pages that are not there for a passing reason: an answer without them is no answer."""
        broken = [row for row in self.failed if not 400 <= row["status"] < 500 or row["status"] == 429]
        return [{"kind": "network", "fact": row["fact"], "url": row["url"]} for row in broken[:1]]


def download(job: dict[str, Any]) -> dict[str, Any]:
    """Resolve the requirements for the target and leave the wheels in the job's directory."""
    of_pip("_vendor.packaging.markers").default_environment = lambda: dict(job["markers"])
    answer: dict[str, Any] = {"wheels": [], "notes": [], "errors": []}
    command = of_pip("_internal.commands.download").DownloadCommand("download", "")
    command.ignore_require_venv = True
    command.run = lambda options, _: fetch(command, options, job, answer)

    def leave(_: int, message: str = "") -> None:
        raise ValueError(message)

    command.parser.exit, command.parser.error = leave, lambda message: leave(2, message)
    try:
        code = command.main(["--disable-pip-version-check", "--no-input", "--progress-bar", "off"])
    except ValueError as error:
        answer["errors"] = [{"kind": "configuration", "fact": one_line(error)}]
    else:
        if code and not answer["errors"]:
            answer["errors"] = [{"kind": "other", "fact": f"pip ended with code {code}", "url": ""}]
    return answer


def restrain(options: Any, job: dict[str, Any]) -> None:
    """Keep from the user's configuration what says where the index is; the rest is the job's."""
    for name in ("requirements", "constraints", "build_constraints", "dependency_groups", "editables"):
        setattr(options, name, [])
    for name in ("only_dependencies", "ignore_requires_python", "prefer_binary", "no_clean"):
        setattr(options, name, False)
    options.requirements_from_scripts = []
    options.features_enabled = []
    options.deprecated_features_enabled = [
        name for name in options.deprecated_features_enabled if name == "legacy-certs"
    ]
    options.release_control = of_pip("_internal.models.release_control").ReleaseControl(set(), set())
    options.format_control = of_pip("_internal.models.format_control").FormatControl(set(), {":all:"})
    options.ignore_dependencies = not job["dependencies"]
    options.require_hashes = any(row["hashes"] for row in job["requirements"])
    options.no_require_hashes = False
    options.ignore_installed = True
    if job["index"]:
        options.index_url, options.no_index = job["index"], False
        options.extra_index_urls, options.find_links = [], []


def target_python(job: dict[str, Any]) -> Any:
    """The target with exactly the tags it reported itself, in its own order."""
    tag = of_pip("_vendor.packaging.tags").Tag
    target = of_pip("_internal.models.target_python").TargetPython(py_version_info=tuple(job["version"]))
    target._valid_tags = [tag(*row) for row in job["tags"]]
    return target


def fetch(command: Any, options: Any, job: dict[str, Any], answer: dict[str, Any]) -> int:
    """`pip download` for the job's target: wheels only, from the configured index."""
    tracker = of_pip("_internal.operations.build.build_tracker").get_build_tracker()
    looked = Looked()
    looked.watch()
    restrain(options, job)
    session = command.get_default_session(options)
    finder = command._build_package_finder(options, session, target_python=target_python(job))
    if job.get("look") and not job["dependencies"]:
        look(job["requirements"], finder, looked, answer)
        return 0
    preparer = command.make_requirement_preparer(
        temp_build_dir=of_pip("_internal.utils.temp_dir").TempDirectory(
            kind="download", globally_managed=True
        ),
        options=options,
        build_tracker=command.enter_context(tracker),
        session=session,
        finder=finder,
        download_dir=job["directory"],
        use_user_site=False,
        allow_editables=False,
    )
    preparer._ensure_link_req_src_dir = refuse_sources
    resolver = command.make_resolver(
        preparer=preparer, finder=finder, options=options, py_version_info=tuple(job["version"])
    )
    wanted: list[Any] = []
    try:
        wanted += [requirement(row, finder, answer["notes"]) for row in job["requirements"]]
        found = resolver.resolve(wanted, check_supported_wheels=False).requirements.values()
        if not job.get("look"):
            preparer.prepare_linked_requirements_more(found)
    except Exception as error:
        answer["errors"] = [{"kind": "other", "fact": one_line(error), "url": ""}]
        answer["errors"] = looked.unreachable() or explain(error, wanted, finder, looked)
        return 1
    answer["errors"] = looked.unreachable()
    answer["wheels"] = [told(item) if job.get("look") else keep(preparer, item) for item in found]
    return 0


def look(rows: list[dict[str, Any]], finder: Any, looked: Looked, answer: dict[str, Any]) -> None:
    """Which wheel each requirement comes to, and all the files of a bare name."""
    for number, row in enumerate(rows):
        item = requirement(row, finder, answer["notes"])
        best = finder.find_best_candidate(item.req.name, item.req.specifier).best_candidate
        if best is None and (item.req.specifier or not looked.of(item.req.name)):
            answer["errors"].append({**(shortfall(item.req, "", finder, looked) or {}), "row": number})
        elif item.req.specifier:
            answer["wheels"].append({"row": number, "filename": best.link.filename})
        else:
            fitting = {one.link.filename for one in finder.find_all_candidates(item.req.name)}
            passed = {name for name, _ in looked.of(item.req.name) if name.endswith(".whl")}
            answer["wheels"].append({"row": number, "files": sorted((fitting | passed) - looked.withdrawn)})
    answer["errors"] = looked.unreachable() or answer["errors"]


def refuse_sources(item: Any, _: bool) -> None:
    """Stop before anything is built: a build would run on the host's Python, not the target's."""
    if not item.link.is_wheel:
        raise of_pip("_internal.exceptions").InstallationError(f"`{item.req}` is no wheel")


def keep(preparer: Any, item: Any) -> dict[str, str]:
    """Leave one wheel in the download directory and say which it is."""
    preparer.save_linked_requirement(item)
    return told(item)


def told(item: Any) -> dict[str, str]:
    url = item.link.url if item.is_direct else ""
    filename = item.link.filename
    return {"name": item.name, "version": version_of(filename), "url": url, "filename": filename}


def requirement(row: dict[str, Any], finder: Any, notes: list[dict[str, str]]) -> Any:
    """Read one requirement; a local version that the index lacks becomes the public one, with a note."""
    item = of_pip("_internal.req.constructors").install_req_from_req_string(row["text"], user_supplied=True)
    if row["hashes"]:
        item.hash_options = {"sha256": row["hashes"]}
    if "+" not in str(item.req.specifier) or not item.match_markers():
        return item
    if finder.find_best_candidate(item.req.name, item.req.specifier).best_candidate is None:
        exact = [one for one in item.req.specifier if one.operator in ("==", "===") and "+" in one.version]
        public = [str(one).partition("+")[0] for one in exact]
        others = [str(one) for one in item.req.specifier if one not in exact]
        item.req.specifier = type(item.req.specifier)(",".join(public + others))
        for one in exact:
            used = one.version.partition("+")[0]
            notes.append({"project": item.req.name, "wanted": one.version, "used": used})
    return item


def explain(error: Exception, wanted: list[Any], finder: Any, looked: Looked) -> list[dict[str, Any]]:
    """Say why there is no answer: every requirement without a candidate, else pip's own reason."""
    kinds = of_pip("_internal.exceptions")
    problems = error.errors if isinstance(error, kinds.HashErrors) else [error]
    if mismatched := [wrong_bytes(one) for one in problems if isinstance(one, kinds.HashMismatch)]:
        return mismatched
    asked = [(item.req, "") for item in wanted if item.req and not item.link and item.match_markers()]
    causes = getattr(error.__cause__, "causes", [])
    for cause in causes:
        item = cause.requirement.get_candidate_lookup()[1]
        if cause.parent is not None and item is not None and item.req:
            asked.append((item.req, f"{cause.parent.name} {cause.parent.version}"))
    rows = [row for each, parent in asked if (row := shortfall(each, parent, finder, looked))]
    if rows:
        return looked.unreachable() or [row for at, row in enumerate(rows) if row not in rows[:at]]
    if len(causes) > 1:
        sides = [(cause.requirement.format_for_error(), cause.parent) for cause in causes]
        lines = [(f"{parent.name} {parent.version}" if parent else "", side) for side, parent in sides]
        return [{"kind": "conflict", "sides": sorted(set(lines))}]
    cause = error.__context__
    error = cause if isinstance(cause, kinds.NetworkConnectionError) else error
    passing = isinstance(error, (*(getattr(kinds, name) for name in PASSING), OSError))
    return [{"kind": "network" if passing else "other", "fact": one_line(error), "url": ""}]


def wrong_bytes(problem: Any) -> dict[str, Any]:
    """A file whose hash is not the one that was locked."""
    got = {name: digest.hexdigest() for name, digest in problem.gots.items()}
    name = str(problem.req.req) if problem.req else ""
    return {"kind": "hash", "requirement": name, "allowed": problem.allowed, "got": got}


def shortfall(wanted: Any, parent: str, finder: Any, looked: Looked) -> dict[str, Any] | None:
    """What stands against one requirement: no project, version or wheel; None where a wheel fits it."""
    if finder.find_best_candidate(wanted.name, wanted.specifier).best_candidate is not None:
        return None
    passed = [row for row in looked.of(wanted.name) if version_of(row[0])]
    fits = sorted({one.version for one in finder.find_all_candidates(wanted.name)})
    row = {"requirement": str(wanted), "project": wanted.name, "parent": parent}
    near = {name: why for name, why in passed if allows(wanted, name)}
    if near:
        return {**row, "kind": "wheel", "files": sorted(near.items())}
    if not passed and not fits:
        return {**row, "kind": "project"}
    others = sorted({version_of(name) for name, _ in passed}, key=of_pip("_vendor.packaging.version").Version)
    return {**row, "kind": "version", "fitting": [str(one) for one in fits], "others": others}


def version_of(filename: str) -> str:
    """The version that a distribution's file name carries, or ""."""
    utils = of_pip("_vendor.packaging.utils")
    parse = utils.parse_wheel_filename if filename.endswith(".whl") else utils.parse_sdist_filename
    try:
        return str(parse(filename)[1])
    except ValueError:
        return ""


def allows(wanted: Any, filename: str) -> bool:
    version = version_of(filename)
    return bool(version) and bool(wanted.specifier.contains(version))


def one_line(problem: object) -> str:
    """An error's own words, without line ends and without a password in an address."""
    import re

    words = str(getattr(problem, "strerror", None) or problem)
    if isinstance(problem, of_pip("_internal.exceptions").DiagnosticPipError):
        parts = [part for part in (problem.message, problem.context) if part]
        words = ": ".join(of_pip("_vendor.rich.text").Text.from_markup(str(part)).plain for part in parts)
    words = " ".join(words.split()) or type(problem).__name__
    return re.sub(r"(\w://)[^/@\s]*@", r"\1", words)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    sys.path.insert(0, sys.argv[1])
    if os.path.isfile(sys.argv[2]):
        importlib.import_module("pipmore")
    sys.prefix = sys.base_prefix  # without `site`, whether an environment around it counts differs
    json.dump(download(json.load(sys.stdin)), answers)
    answers.close()


if __name__ == "__main__":
    main()
