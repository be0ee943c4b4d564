"""Log of pip's finder: what it passed over, and why a page of an index was not read."""

# ruff: noqa: SLF001  (pip has no public interface; its private names are this module's subject)
from __future__ import annotations

import importlib
import sys

from vpy.wheels.index_client import faults, names
from vpy.wheels.index_client.web import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from vpy.wheels.index_client.rules import Rules


class FinderLog:
    """Log of pip's finder: files that it passed over, by project, and pages that could not be read.

    A failed page is {kind, url, fact, status}: `denied` where the index wants to know who asks, `page` for
    any other answer that is no page, `network` where another attempt may succeed. An index without
    the project is no failure.
    """

    def __init__(self, rules: Rules, environ: Mapping[str, str]) -> None:
        self._rules = rules
        self._environ = environ
        self.yanked: set[str] = set()
        # `requires-python` of the files that are for another Python.
        self.pythons: dict[str, str] = {}
        self._passed: dict[str, dict[tuple[str, str], None]] = {}
        self._failed: list[dict[str, Any]] = []
        self.ignored: list[dict[str, Any]] = []

    def attach(self) -> None:
        """Make pip's finder report to this log; pip itself only prints what it passes over."""
        collector = _pip("_internal.index.collector")
        package_finder = _pip("_internal.index.package_finder")
        evaluate = package_finder.LinkEvaluator.evaluate_link

        def evaluate_link(evaluator: Any, link: Any) -> Any:
            result, detail = evaluate(evaluator, link)
            reason = result.name
            if result is package_finder.LinkType.upload_time_missing and self._rules.cutoff is not None:
                self._rules.undated.add(evaluator._canonical_name)
                result = package_finder.LinkType.upload_too_late  # at the other one pip gives up
            if link.is_yanked:
                self.yanked.add(link.filename)
            if result is package_finder.LinkType.requires_python_mismatch:
                self.pythons[link.filename] = link.requires_python
            if result is not package_finder.LinkType.candidate:
                self._passed.setdefault(evaluator._canonical_name, {})[link.filename, reason] = None
            return result, detail

        def handle_fail(link: Any, reason: Any, meth: Callable[..., None] | None = None) -> None:
            status = getattr(getattr(reason, "response", None), "status_code", 0)
            if status in (401, 403):
                self._fail("denied", link.redacted_url, one_line(reason), status)
            elif not 400 <= status < 500 or status == 429:
                fact = faults.fact_of(sys.exc_info()[1], self._environ)
                self._fail("network", link.redacted_url, fact or one_line(reason), status)
            elif status not in (404, 410):
                self._fail("page", link.redacted_url, f"status {status}", status)

        package_finder.LinkEvaluator.evaluate_link = evaluate_link
        collector._handle_get_simple_fail = handle_fail
        self._attach_to_pages(collector)
        self._attach_to_links()

    def _attach_to_pages(self, collector: Any) -> None:
        """Note answers that pip only warns of: a redirect that it does not follow, what is no page."""
        respond = collector._get_simple_response
        exceptions = _pip("_vendor.requests.exceptions")
        session = _pip("_internal.network.session").PipSession
        redirect_target = session.get_redirect_target

        def get_simple_response(url: str, **options: Any) -> Any:
            try:
                return respond(url, **options)
            except collector._NotAPIContent as error:
                self._fail("page", shown(url), f"its type is `{error.content_type}`")
                raise
            except exceptions.TooManyRedirects as error:
                self._fail("page", shown(url), one_line(error).rstrip("."))
                raise collector._NotAPIContent("", "GET") from error

        def get_redirect_target(asked: Any, response: Any) -> Any:
            target = redirect_target(asked, response)
            if target is None and response.is_redirect:
                to = shown(response.headers["location"])
                self._fail("page", shown(response.url), f"a redirect to `{to}`, which pip refuses")
            return target

        collector._get_simple_response = get_simple_response
        session.get_redirect_target = get_redirect_target

    def _attach_to_links(self) -> None:
        """Let a link that cannot be parsed be passed over, where pip gives up the whole page."""
        link = _pip("_internal.models.link").Link

        def tolerant(make: Callable[..., Any], key: str) -> Callable[..., Any]:
            def make_link(row: Any, page_url: str, *rest: Any, **named: Any) -> Any:
                try:
                    return make(row, page_url, *rest, **named)
                except ValueError as error:
                    fact = f"a link `{shown(str(row.get(key)))}` ({one_line(error)})"
                    self._fail("page", shown(page_url), fact)
                    return None

            return make_link

        link.from_json = tolerant(link.from_json, "url")
        link.from_element = tolerant(link.from_element, "href")

    def _fail(self, kind: str, url: str, fact: str, status: int = 0) -> None:
        self._failed.append({"kind": kind, "url": url, "fact": fact, "status": status})

    def note_ignored(self, url: str, session: Any) -> bool:
        """Note an index if pip leaves it out, with no more than a warning; return whether it does."""
        scheme = url.partition(":")[0].lower()
        if scheme not in ("http", "https", "file"):
            fact = "its address is neither http, https nor file"
        elif scheme == "http" and not session.is_secure_origin(_pip("_internal.models.link").Link(url)):
            fact = "it is plain http, from a host that pip does not trust"
        else:
            return False
        self.ignored.append({"kind": "ignored", "url": shown(url), "fact": fact})
        return True

    def passed_over(self, project: str) -> list[tuple[str, str]]:
        """Return the files of a project that were passed over, each with pip's reason."""
        return list(self._passed.get(_pip("_vendor.packaging.utils").canonicalize_name(project), ()))

    def other_pythons(
        self, project: str, filenames: Iterable[str], finder: Any, versions: Sequence[Any]
    ) -> dict[str, Any]:
        """Return what Python a project's files for others need, the target's, and what there is for it.

        Of the sorted `versions` for it that is the newest, and the next one to those of the files.
        """
        filenames = list(filenames)
        pythons = {name: self.pythons[name] for name in filenames if name in self.pythons}
        target = ".".join(map(str, finder.target_python.py_version_info))
        newest = str(versions[-1]) if versions else ""
        given = (names.version_of(name, project) for name in filenames)
        next_one = str(_next(given, versions)) if versions else ""
        return {"pythons": pythons, "target": target, "newest": newest, "next": next_one}

    def withdrawn(self, wanted: Any, parent: str, finder: Any) -> dict[str, Any] | None:
        """Return the error for a requirement that only withdrawn versions fit (PEP 592); None for another."""
        found = sorted(finder.find_all_candidates(wanted.name), key=lambda each: each.version, reverse=True)
        links = {
            str(candidate.version): candidate.link
            for candidate in found
            if wanted.specifier.contains(candidate.version, prereleases=True)
        }
        if not links or not all(link.is_yanked for link in links.values()):
            return None
        reasons = {version: link.yanked_reason or "" for version, link in links.items()}
        row = {"requirement": str(wanted), "project": wanted.name, "parent": parent}
        return {**row, "kind": "yanked", "versions": reasons}

    def unread(self, project: str) -> dict[str, Any] | None:
        """Return why a project's page was not read: access refused, no page, or an index that is left out."""
        name = _pip("_vendor.packaging.utils").canonicalize_name(project)
        pages = [row for row in self._failed if row["url"].rstrip("/").rpartition("/")[2] == name]
        for kind in ("denied", "page"):
            if found := next((row for row in pages if row["kind"] == kind), None):
                return found
        return next(iter(self.ignored), None)

    def network_errors(self) -> list[dict[str, Any]]:
        """Return an error for pages that failed for a transient reason: without them no answer is right."""
        return [row for row in self._failed if row["kind"] == "network"][:1]


def _next(given: Iterable[Any], versions: Sequence[Any]) -> Any:
    """Return the first of sorted versions that is newer than all that are given, else the last."""
    last = max((version for version in given if version is not None), default=None)
    final = [version for version in versions if not version.is_prerelease] or versions
    newer = (version for version in final if last is None or version > last)
    return next(newer, final[-1])


def one_line(problem: object) -> str:
    """Return an error's text in one line, without the password of a URL."""
    import re

    text = str(getattr(problem, "strerror", None) or problem)
    if isinstance(problem, _pip("_internal.exceptions").DiagnosticPipError):
        parts = [part for part in (problem.message, problem.context) if part]
        markup = _pip("_vendor.rich.text").Text
        text = ": ".join(markup.from_markup(str(part)).plain for part in parts)
    text = " ".join(text.split()) or type(problem).__name__
    return re.sub(r"(\w://)[^/@\s]*@", r"\1", text)


def _pip(name: str) -> Any:
    return importlib.import_module(f"pip.{name}")
