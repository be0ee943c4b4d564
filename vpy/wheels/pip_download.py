"""Program that resolves requirements at an index by pip's own code, and downloads the wheels.

Run it as `pip_install`, with the same arguments. stdin has one job, a line of JSON; stdout gets its
answer, a line too, after the events that `index_client.conversation` lists where the job is `streamed`; pip's
own output goes to stderr.

With a third argument, a number, stdin has any jobs, up to an empty line, and so many of them are answered at
once, each by a fork of its own. An answer has the `number` of its job then. `ahead`: pip is loaded before.

A job is {directory, requirements: [{text, hashes}], dependencies, tags, markers, version, index}; its
answer is {wheels: [{name, version, url, filename, sha256}], notes, errors}. `hashes` are sha256 as hex, any
of them; `index` None leaves the choice to the user's own pip configuration, of which only the settings of
where and how to reach an index count. The wheels in `find_links`, directories as paths or URLs, count beside
the index; the `directory` of a wheel is the one that it lies in.

Most jobs are answered by `index_client`, the others by pip's resolver. `sha256` is "" where only the file
tells it. A wheel that is not whole lies at `partial` + its sha256 until another job goes on with it.

Where `fetching` is false nothing is downloaded, and the rows are the same. With `look` nothing is either;
the wheels are those that a download would bring. Without `dependencies` they are then {row, filename}, where
`row` is the requirement's position, and a requirement without a version gets {row, files}, all wheels of that
project that are not yanked. An error has its `row` then.

A request is retried for `retry_seconds` after its first failure; None leaves that to pip's settings.
`indexes`, `pinned`, `constraints`, `overrides` and `exclude_newer` are those of `index_client.rules`. The
`undated` of an answer are projects of which files were passed over: nobody says when they were uploaded.

`pages` is the directory where pages and METADATA are kept, "" for none. With `offline` they serve as they
are: no network is used, and what is missing is an error of the kind `network`.

An error is {kind, …facts}; `vpy.packages.index.errors` makes the sentence.
"""

# ruff: noqa: SLF001  (pip has no public interface; its private names are this module's subject)
from __future__ import annotations

import atexit
import importlib
import json
import optparse
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn, TextIO

    from vpy.wheels.index_client.conversation import Conversation
    from vpy.wheels.index_client.finder_log import FinderLog
    from vpy.wheels.index_client.rules import Rules


def pip_module(name: str) -> Any:
    """Import a module of pip, untyped: what is used of it is private."""
    return importlib.import_module(f"pip.{name}")


def configuration() -> Any:
    """Import what is about pip's configuration, which lies behind pip on the path."""
    return importlib.import_module("vpy.wheels.index_client.configuration")


def reasons() -> Any:
    """Import what says why pip's resolver has no answer."""
    return importlib.import_module("vpy.wheels.index_client.pip_reasons")


def download(job: dict[str, Any], conversation: Conversation) -> dict[str, Any]:
    """Resolve the job's requirements for its target, download the wheels, and return the answer."""
    pip_module("_vendor.packaging.markers").default_environment = lambda: dict(job["markers"])
    answer: dict[str, Any] = {"wheels": [], "notes": [], "errors": []}
    command = pip_module("_internal.commands.download").DownloadCommand("download", "")
    command.ignore_require_venv = True
    command.run = lambda options, _: within_bounds(command, options, job, answer, conversation)

    def refuse(_: int, message: str = "") -> None:
        raise ValueError(message)

    def check_default(option: Any, key: str, text: Any) -> Any:
        try:
            return option.check_value(key, text)
        except optparse.OptionValueError as error:
            place = configuration().origin(command.parser.config, key, text, os.environ)
            raise ValueError(f"{one_line(error)}{place}") from error

    command.parser.exit, command.parser.error = refuse, lambda message: refuse(2, message)
    command.parser.check_default = check_default
    try:
        code = command.main(["--disable-pip-version-check", "--no-input", "--progress-bar", "off"])
    except ValueError as error:
        answer["errors"] = [{"kind": "configuration", "fact": one_line(error)}]
    else:
        if code and not answer["errors"]:
            answer["errors"] = [{"kind": "other", "fact": f"pip ended with code {code}", "url": ""}]
    return answer


def within_bounds(
    command: Any, options: Any, job: dict[str, Any], answer: dict[str, Any], conversation: Conversation
) -> int:
    """Resolve with everything that is read bounded; return the exit code."""
    bounds = importlib.import_module("vpy.wheels.index_client.bounds")
    bounds.limit(pip_module("_vendor.urllib3.response").HTTPResponse)
    try:
        return resolve(command, options, job, answer, conversation)
    except bounds.OutOfBoundsError as error:
        answer["errors"] = [{"kind": "network", "fact": one_line(error), "url": ""}]
        return 1


def resolve(
    command: Any, options: Any, job: dict[str, Any], answer: dict[str, Any], conversation: Conversation
) -> int:
    """Do what `pip download` does, for the job's target and with wheels alone; return the exit code."""
    rules: Rules = importlib.import_module("vpy.wheels.index_client.rules").Rules(job)
    try:
        return resolve_by(rules, command, options, job, answer, conversation)
    finally:
        answer["undated"] = sorted(rules.undated)


def resolve_by(
    rules: Rules,
    command: Any,
    options: Any,
    job: dict[str, Any],
    answer: dict[str, Any],
    conversation: Conversation,
) -> int:
    """Resolve by rules, which note what they leave out."""
    logs = importlib.import_module("vpy.wheels.index_client.finder_log")
    log: FinderLog = logs.FinderLog(rules, os.environ)
    log.attach()
    settings = configuration()
    settings.set_options(options, job, rules)
    if fact := settings.odd_address([*rules.own_indexes, options.index_url, *options.extra_index_urls]):
        answer["errors"] = [{"kind": "configuration", "fact": fact, "url": ""}]
        return 1
    session = settings.make_session(command, options, job, rules)
    finder = settings.make_finder(command, options, session, job, rules, log)
    if rules.refused:
        answer["errors"] = [{**row, "kind": "index"} for row in rules.refused]
        return 1
    if job.get("sdists"):
        return fetch_sdists(session, finder, job, rules, answer)
    if job.get("targets"):
        job["requirements"] = rules.rows(job["requirements"])
        return lock(command, options, session, finder, job, rules, log, answer)
    if job.get("look") and not job["dependencies"]:
        listed = importlib.import_module("vpy.wheels.index_client.look")
        look(job["requirements"], finder, log, answer, listed.wheels(session, finder, job, rules, log))
        return 0

    job["requirements"] = rules.rows(job["requirements"])
    if answered_by_client(session, finder, log, job, rules, answer, conversation):
        return 0 if not answer["errors"] else 1
    return resolve_by_pip(rules, command, options, session, finder, job, log, answer)


def resolve_by_pip(
    rules: Rules,
    command: Any,
    options: Any,
    session: Any,
    finder: Any,
    job: dict[str, Any],
    log: FinderLog,
    answer: dict[str, Any],
) -> int:
    """Resolve by pip's own resolver; return the exit code."""
    preparer = make_preparer(command, options, session, finder, job["directory"])
    parts = {"preparer": preparer, "finder": finder, "options": options}
    resolver = command.make_resolver(**parts, py_version_info=tuple(job["version"]))
    wanted: list[Any] = []
    try:
        wanted += [read_requirement(row, finder, answer["notes"]) for row in job["requirements"]]
        constraints = rules.constraint_requirements(
            lambda text: read_requirement({"text": text, "hashes": []}, finder, [])
        )
        found = resolver.resolve(wanted + constraints, check_supported_wheels=False).requirements.values()
        if is_fetching(job):
            preparer.prepare_linked_requirements_more(found)
    except Exception as error:
        answer["errors"] = [{"kind": "other", "fact": one_line(error), "url": ""}]
        answer["errors"] = log.network_errors() or reasons().explain(error, wanted, finder, log)
        return 1

    # Offline what can be read is all there is: wheels in a directory, an index on this machine.
    answer["errors"] = [] if job.get("offline") else log.network_errors()
    for item in found if is_fetching(job) else ():
        preparer.save_linked_requirement(item)
    answer["wheels"] = [describe(item, job.get("find_links", ())) for item in found]
    return 0


def lock(
    command: Any,
    options: Any,
    session: Any,
    finder: Any,
    job: dict[str, Any],
    rules: Rules,
    log: FinderLog,
    answer: dict[str, Any],
) -> int:
    """Resolve for all targets of a job; return the exit code."""
    client = importlib.import_module("vpy.wheels.index_client.lock")
    errors = importlib.import_module("vpy.wheels.index_client.errors")

    def explain(error: Any, target: dict[str, Any]) -> list[dict[str, Any]]:
        def find(wanted: Any, parent: str) -> dict[str, Any] | None:
            one = configuration().make_finder(command, options, session, {**job, **target}, rules, log)
            found: dict[str, Any] | None = reasons().no_candidate(wanted, parent, one, log)
            return found

        return list(error.rows(find))

    try:
        answer.update(client.run(session, finder.index_urls, finder.find_links, job, rules, explain))
    except errors.RefusedError as error:
        answer["errors"] = [error.row]
    except errors.NetworkError as error:
        answer["errors"] = log.network_errors() or [{"kind": "network", "fact": one_line(error), "url": ""}]
    except errors.UncoveredError as error:
        answer["errors"] = [{"kind": "other", "fact": one_line(error), "url": ""}]
    return 1 if answer["errors"] else 0


def is_fetching(job: dict[str, Any]) -> bool:
    """Return whether a job is about the files, not only about what they would be."""
    return bool(job.get("fetching", not job.get("look")))


def fetch_sdists(session: Any, finder: Any, job: dict[str, Any], rules: Rules, answer: dict[str, Any]) -> int:
    """Fetch an sdist for each of the job's requirements that has one."""
    sdists = importlib.import_module("vpy.wheels.index_client.sdists")
    errors = importlib.import_module("vpy.wheels.index_client.errors")
    items = [read_requirement(row, finder, answer["notes"]) for row in job["requirements"]]
    try:
        answer["sdists"] = sdists.fetch(session, finder, items, rules, job["directory"])
    except errors.RefusedError as error:
        answer["errors"] = [error.row]
    except errors.UncoveredError as error:
        answer["errors"] = [{"kind": "network", "fact": one_line(error), "url": ""}]
    return 1 if answer["errors"] else 0


def answered_by_client(
    session: Any,
    finder: Any,
    log: FinderLog,
    job: dict[str, Any],
    rules: Rules,
    answer: dict[str, Any],
    conversation: Conversation,
) -> bool:
    """Answer a job by the client that fetches side by side; return whether it is answered.

    What the client does not cover is left to pip's resolver. Where the requirements cannot be met, the client
    says why, and pip's finder what there is instead.
    """
    urls = [*rules.own_indexes, *finder.index_urls]
    usable = not log.ignored and all(url.startswith(("http://", "https://")) for url in urls)
    if not finder.index_urls or not usable or finder.uploaded_prior_to != rules.cutoff:
        return False
    client = importlib.import_module("vpy.wheels.index_client.job")
    errors = importlib.import_module("vpy.wheels.index_client.errors")
    try:
        answer["wheels"] = client.run(session, finder.index_urls, finder.find_links, job, rules, conversation)
    except errors.UncoveredError as error:
        print(f"left to pip's resolver: {one_line(error)}", file=sys.stderr)
        return False
    except errors.RefusedError as error:
        answer["errors"] = [error.row]
    except errors.NoResolutionError as error:
        rows = error.rows(
            lambda wanted, parent: (
                reasons().no_candidate(wanted, parent, finder, log) or log.withdrawn(wanted, parent, finder)
            )
        )
        answer["errors"] = log.network_errors() or rows
    return True


def make_preparer(command: Any, options: Any, session: Any, finder: Any, directory: str) -> Any:
    """Return pip's preparer of requirements, which downloads into `directory` and builds nothing."""
    tracker = pip_module("_internal.operations.build.build_tracker").get_build_tracker()
    preparer = command.make_requirement_preparer(
        temp_build_dir=pip_module("_internal.utils.temp_dir").TempDirectory(
            kind="download", globally_managed=True
        ),
        options=options,
        build_tracker=command.enter_context(tracker),
        session=session,
        finder=finder,
        download_dir=directory,
        use_user_site=False,
        allow_editables=False,
    )
    preparer._ensure_link_req_src_dir = refuse_sources
    return preparer


def refuse_sources(item: Any, _: bool) -> None:
    """Raise pip's error for a source: a build would run on the host's Python, not the target's."""
    if not item.link.is_wheel:
        where = "counts where the spec itself names the same repository and revision"
        fact = where if item.link.is_vcs else "is not a wheel"
        raise pip_module("_internal.exceptions").InstallationError(f"`{item.req}` {fact}")


def look(
    rows: list[dict[str, Any]], finder: Any, log: FinderLog, answer: dict[str, Any], listed: dict[str, Any]
) -> None:
    """Answer which wheel each requirement resolves to, without dependencies, and list all of a bare name."""
    for number, row in enumerate(rows):
        if row["text"] in listed:
            answer["wheels"].append({"row": number, "files": listed[row["text"]]})
            continue
        item = read_requirement(row, finder, answer["notes"])
        name, specifier = item.req.name, item.req.specifier
        best = finder.find_best_candidate(name, specifier).best_candidate
        if best is None and (specifier or not log.passed_over(name)):
            answer["errors"].append(
                {**(reasons().no_candidate(item.req, "", finder, log) or {}), "row": number}
            )
        elif specifier:
            answer["wheels"].append({"row": number, "filename": best.link.filename})
        else:
            fitting = {candidate.link.filename for candidate in finder.find_all_candidates(name)}
            passed = {filename for filename, _ in log.passed_over(name) if filename.endswith(".whl")}
            answer["wheels"].append({"row": number, "files": sorted((fitting | passed) - log.yanked)})

    answer["errors"] = log.network_errors() or answer["errors"]


def read_requirement(row: dict[str, Any], finder: Any, notes: list[dict[str, str]]) -> Any:
    """Return pip's requirement for a row of the job.

    A local version (PEP 440) that the index lacks becomes the public one, with a note.
    """
    constructors = pip_module("_internal.req.constructors")
    item = constructors.install_req_from_req_string(row["text"], user_supplied=True)
    if row["hashes"]:
        item.hash_options = {"sha256": row["hashes"]}
    if "+" not in str(item.req.specifier) or not item.match_markers():
        return item
    if finder.find_best_candidate(item.req.name, item.req.specifier).best_candidate is not None:
        return item

    exact = [part for part in item.req.specifier if part.operator in ("==", "===") and "+" in part.version]
    public = [str(part).partition("+")[0] for part in exact]
    others = [str(part) for part in item.req.specifier if part not in exact]
    item.req.specifier = type(item.req.specifier)(",".join(public + others))
    for part in exact:
        used = part.version.partition("+")[0]
        notes.append({"project": item.req.name, "wanted": part.version, "used": used})
    return item


def describe(item: Any, find_links: Sequence[str]) -> dict[str, str]:
    """Return a resolved requirement as a row of the answer."""
    url = item.link.url if item.is_direct else ""
    filename = item.link.filename
    return {
        "name": item.name,
        "version": reasons().version_of(filename, item.name),
        "url": url,
        "filename": filename,
        "sha256": item.link.hash or "" if item.link.hash_name == "sha256" else "",
        "directory": next((place for place in find_links if lies_in(item.link, place)), ""),
    }


def lies_in(link: Any, directory: str) -> bool:
    """Return whether a link is of a file in a directory of `find_links`, a path or a URL."""
    if link.comes_from == directory:
        return True
    return bool(link.is_file and os.path.dirname(link.file_path) == os.path.normpath(directory))


def one_line(problem: object) -> str:
    """Return an error's text in one line, without the password of a URL."""
    return str(importlib.import_module("vpy.wheels.index_client.finder_log").one_line(problem))


def answer_one() -> NoReturn:
    """Read a job from stdin, write its answer to stdout, and end."""
    answers, replies = _answers(), _replies()
    conversation = importlib.import_module("vpy.wheels.index_client.conversation").Conversation
    line = replies.readline()
    if line:
        job = json.loads(line)
        streamed = (answers, replies) if job.get("streamed") else ()
        answer = download(job, conversation(*streamed))
        answers.write(json.dumps(answer) + "\n")
    answers.close()
    end(0)


def answer_many(workers: int) -> NoReturn:
    """Answer jobs, so many at once, and end."""
    answers = _answers()  # closed with its last reference
    conversation = importlib.import_module("vpy.wheels.index_client.conversation").Conversation
    serving = importlib.import_module("vpy.wheels.index_client.serving")
    end(serving.serve(answers.fileno(), workers, lambda job: download(job, conversation())))


def _answers() -> TextIO:
    """Return what was stdout; what pip prints goes to stderr from now on."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    return answers


def _replies() -> TextIO:
    """Return what was stdin: without a terminal OpenSSL would wait there for the passphrase of a key."""
    replies = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return replies


def main() -> None:
    """Read a job from stdin; write its answer to stdout."""
    # vpython's own code is behind pip: its names are not pip's.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    importlib.import_module("vpy.wheels.pip_process").prepare(sys.argv[1], sys.argv[2])
    if sys.argv[3:] == ["ahead"]:
        importlib.import_module("vpy.wheels.index_client.serving").load()
        answer_one()
    elif len(sys.argv) > 3:
        answer_many(int(sys.argv[3]))
    else:
        answer_one()


def end(code: int) -> NoReturn:
    """End at once, after what is registered for the end: Python's own way out takes long to free modules."""
    atexit._run_exitfuncs()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
