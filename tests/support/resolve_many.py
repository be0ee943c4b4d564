"""Program that resolves many jobs of `pip_download`: what it imports is imported once, each job is a fork.

Arguments are where pip lies and the top of the project. Each line of stdin is a job, each line of stdout its
answer: {"answer": …, "said": what went to stderr}. A job {"pip": […]} is a command line of pip itself; its
answer is the exit code. A job {"stdin": …, "environ": …} is a whole run of the program; its answer is what it
wrote to stdout.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import traceback
from typing import Any

AHEAD = (
    "pip._internal.commands.download",
    "pip._internal.resolution.resolvelib.resolver",
    "pip._internal.commands.install",
    "vpy.wheels.pip_download",
    "vpy.wheels.index_client.conversation",
    "vpy.wheels.index_client.job",
    "vpy.wheels.index_client.finder_log",
    "vpy.wheels.index_client.configuration",
)


def main() -> None:
    """Answer line by line until stdin ends."""
    sys.path.insert(0, sys.argv[1])
    sys.path.append(sys.argv[2])
    sys.prefix = sys.base_prefix
    for name in AHEAD:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Return what a child answers."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if not child:
            run(job, out.fileno(), said.fileno())
        os.waitpid(child, 0)
        out.seek(0)
        said.seek(0)
        text = out.read()
        return {"answer": text if "stdin" in job else json.loads(text or "null"), "said": said.read()}


def run(job: dict[str, Any], out: int, said: int) -> None:
    """Answer a job in this process, and end it."""
    os.dup2(said, 1)
    os.dup2(said, 2)
    code = 1
    try:
        if "stdin" in job:
            run_program(job, out)
        else:
            with open(out, "w", encoding="ascii", closefd=False) as file:
                json.dump(done(job), file)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run_program(job: dict[str, Any], out: int) -> None:
    """Run `pip_download` as if it had been started with the job's stdin and variables."""
    with tempfile.TemporaryFile("w+") as given:
        given.write(job["stdin"])
        given.seek(0)
        os.dup2(given.fileno(), 0)
    os.dup2(out, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (the process ends with it)
    os.environ.clear()
    os.environ.update(job["environ"])
    sys.argv = [sys.argv[0], sys.argv[1], "/none"]
    importlib.import_module("vpy.wheels.pip_download").main()


def done(job: dict[str, Any]) -> Any:
    """Do a job."""
    if "pip" in job:
        return importlib.import_module("pip._internal.cli.main").main(job["pip"])
    silent = importlib.import_module("vpy.wheels.index_client.conversation").Conversation()
    return importlib.import_module("vpy.wheels.pip_download").download(job, silent)


if __name__ == "__main__":
    main()
