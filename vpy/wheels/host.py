"""The host's Python as the one that runs pip: a job goes in, an answer comes out."""

from __future__ import annotations

from vpy.errors import ToolError
from vpy.system import process
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.system.terminal import Terminal


@value
class HostPython:
    """A Python of 3.11 or newer, the directory or zip that holds pip, and `pipchild.py` as a file.

    pip's temporary files go to the directory `temporary`, where one is named: if it is killed, they
    are found there.
    """

    executable: str
    pip: str
    pipchild: str
    temporary: str = ""

    def ask(
        self, job: Mapping[str, Any], *, environ: Mapping[str, str], terminal: Terminal
    ) -> dict[str, Any]:
        """Run one pip process for `job` (see `pipchild.py`) and return its answer.

        ToolError where it cannot be started or ends without an answer; what pip printed goes to the
        debug trace. The child dies with whatever interrupts this process.
        """
        import json

        command = [self.executable, "-I", "-S", self.pipchild, self.pip]
        surroundings = process.clean_environ(environ)
        if self.temporary:
            surroundings |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self.temporary)
        try:
            finished = process.run(command, environ=surroundings, stdin=json.dumps(job).encode())
        except OSError as error:
            raise ToolError(f"cannot start `{self.executable}`: {error.strerror}") from error
        said = finished.stderr.decode("utf-8", "replace").splitlines()
        for line in said:
            terminal.debug(f"pip: {line}")
        try:
            answer: dict[str, Any] = json.loads(finished.stdout)
        except ValueError:
            last = said[-1].strip() if said else "it said nothing"
            raise ToolError(f"pip ended without an answer (exit code {finished.code}): `{last}`") from None
        return answer
