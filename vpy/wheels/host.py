"""The host's Python as the one that runs pip: a job goes in, an answer comes out."""

from __future__ import annotations

from vpy.errors import ToolError
from vpy.system import jsontext, process, scope
from vpy.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from vpy.system.process import Finished
    from vpy.system.terminal import Terminal


@value
class HostPython:
    """A Python of 3.11 or newer, the directory or zip that holds pip, and `pipchild.py` as a file.

    pip's temporary files go to the directory `temporary`, where one is named: if it is killed, they
    are found there. `loading` is a pip that was begun `ahead` of its job.
    """

    executable: str
    pip: str
    pipchild: str
    temporary: str = ""
    loading: Callable[[bytes], Finished] | None = None

    def ask(
        self, job: Mapping[str, Any], *, environ: Mapping[str, str], terminal: Terminal
    ) -> dict[str, Any]:
        """Run one pip process for `job` (see `pipchild.py`) and return its answer.

        ToolError where it cannot be started or ends without an answer; what pip printed goes to the
        debug trace. The child dies with whatever interrupts this process.
        """
        stdin = jsontext.dumps(job).encode()
        try:
            if self.loading:
                finished = self.loading(stdin)
            else:
                finished = process.run(self._command(), environ=self._surroundings(environ), stdin=stdin)
        except OSError as error:
            raise ToolError(f"cannot start `{self.executable}`: {error.strerror}") from error
        said = finished.stderr.decode("utf-8", "replace").splitlines()
        for line in said:
            terminal.debug(f"pip: {line}")
        try:
            answer: dict[str, Any] = jsontext.loads(finished.stdout)
        except ValueError:
            last = said[-1].strip() if said else "it said nothing"
            raise ToolError(f"pip ended without an answer (exit code {finished.code}): `{last}`") from None
        return answer

    @scope.contextmanager
    def ahead(self, environ: Mapping[str, str]) -> Iterator[HostPython]:
        """This host with a pip that loads what an `install` needs from now on, for one such job.

        Where it cannot be started, the job itself says so.
        """
        waiting = process.waiting([*self._command(), "install"], self._surroundings(environ))
        with waiting as tell:
            yield self if tell is None else replace(self, loading=tell)

    def _command(self) -> list[str]:
        return [self.executable, "-I", "-S", self.pipchild, self.pip]

    def _surroundings(self, environ: Mapping[str, str]) -> dict[str, str]:
        surroundings = process.clean_environ(environ)
        if self.temporary:
            surroundings |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self.temporary)
        return surroundings
