"""Settings of pip for a job: what of the user's configuration counts, and what in it is odd."""

# ruff: noqa: SLF001  (pip has no public interface; its private names are this module's subject)
from __future__ import annotations

import importlib
import urllib.parse

from vpy.wheels.index_client import rules as rule_module
from vpy.wheels.index_client import tls, web
from vpy.wheels.index_client.web import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from vpy.wheels.index_client.finder_log import FinderLog
    from vpy.wheels.index_client.rules import Rules


def set_options(options: Any, job: dict[str, Any], rules: Rules) -> None:
    """Set pip's options by the job; of the user's configuration leave only how to reach an index."""
    for name in ("requirements", "constraints", "build_constraints", "dependency_groups", "editables"):
        setattr(options, name, [])
    for name in ("only_dependencies", "ignore_requires_python", "prefer_binary", "no_clean"):
        setattr(options, name, False)
    options.requirements_from_scripts = []
    options.features_enabled = []
    options.deprecated_features_enabled = [
        name for name in options.deprecated_features_enabled if name == "legacy-certs"
    ]

    options.release_control = _pip("_internal.models.release_control").ReleaseControl(set(), set())
    source, wheel = ({":all:"}, set()) if job.get("sdists") else (set(), {":all:"})
    options.format_control = _pip("_internal.models.format_control").FormatControl(source, wheel)
    options.ignore_dependencies = not job["dependencies"]
    options.require_hashes = any(row["hashes"] for row in job["requirements"])
    options.no_require_hashes = False
    options.ignore_installed = True

    if job["index"]:
        options.index_url, options.no_index = job["index"], False
        options.extra_index_urls, options.find_links = [], []
    options.find_links = [*options.find_links, *job.get("find_links", ()), *job.get("built", ())]
    cutoffs = [cutoff for cutoff in (options.uploaded_prior_to, rules.cutoff) if cutoff is not None]
    options.uploaded_prior_to = min(cutoffs, default=None)


class _NoPrograms:
    """`shutil` that finds no program."""

    @staticmethod
    def which(_: str) -> None:
        """Return None."""


def make_session(command: Any, options: Any, job: dict[str, Any], rules: Rules) -> Any:
    """Return pip's session: one that asks nobody, or one whose certificates are loaded meanwhile, once.

    Where the job has `retry_seconds`, they count instead of pip's `retries`.
    """
    _let_user_agent_run_nothing()
    _pip("_internal.cli.index_command")._create_truststore_ssl_context = tls.without_certificates
    session = command.get_default_session(options)
    if job.get("retry_seconds") is not None:
        web.retry_for(session, job["retry_seconds"])
    else:
        web.retry_with_sense(session)
    if job.get("offline"):
        web.disconnect(session)
    else:
        urls = (*rules.own_indexes, options.index_url, *options.extra_index_urls)
        tls.share(session, [url for url in urls if url])
    return session


def _let_user_agent_run_nothing() -> None:
    """Let pip's user agent know the system by its files: no `rustc`, `lsb_release` or `uname` is run."""
    _pip("_internal.network.session").shutil = _NoPrograms
    distro = _pip("_vendor.distro.distro")
    distro._distro = distro.LinuxDistribution(include_lsb=False, include_uname=False)


def make_finder(
    command: Any, options: Any, session: Any, job: dict[str, Any], rules: Rules, log: FinderLog
) -> Any:
    """Return pip's finder for the job's target, without the indexes that pip would leave out."""
    import dataclasses

    finder = command._build_package_finder(options, session, target_python=_target_python(job))
    asked = [url for url in finder.index_urls if not log.note_ignored(url, session)]
    finder.search_scope = dataclasses.replace(finder.search_scope, index_urls=asked)
    # Another index may have projects of these names, and is not what is meant.
    rules.refused = [dict(log.ignored[-1]) for url in rules.own_indexes if log.note_ignored(url, session)]
    rule_module.attach(finder, session, rules)
    return finder


def _target_python(job: dict[str, Any]) -> Any:
    """Return pip's target with exactly the tags that the Python reported, in its order."""
    tag = _pip("_vendor.packaging.tags").Tag
    target = _pip("_internal.models.target_python").TargetPython(py_version_info=tuple(job["version"]))
    target._valid_tags = [tag(*row) for row in job["tags"]]
    return target


def odd_address(urls: Iterable[str]) -> str:
    """Return why an index has no address, which ends pip without a word of it; "" where all have one."""
    for url in filter(None, urls):
        try:
            _ = urllib.parse.urlsplit(url).port
        except ValueError as error:
            return f"not the address of an index: `{shown(url)}` ({error})"
    return ""


def origin(config: Any, key: str, text: object, environ: Mapping[str, str]) -> str:
    """Return where pip has a setting from, as the end of a sentence; "" where it is not to be found."""
    normalize = _pip("_internal.configuration")._normalize_name
    name = normalize(key)
    variable = f"PIP_{name.upper().replace('-', '_')}"
    if environ.get(variable) == text:
        return f", in `{variable}`"
    found = [
        path
        for parsers in config._parsers.values()
        for path, parser in parsers
        for section in parser.sections()
        for option, value in parser.items(section)
        if normalize(option) == name and value == text
    ]
    return f", in `{found[-1]}`" if found else ""


def _pip(name: str) -> Any:
    return importlib.import_module(f"pip.{name}")
