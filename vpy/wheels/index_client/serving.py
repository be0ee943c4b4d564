"""Service of `pip_download`: one process that answers many jobs, each by a fork of its own."""

from __future__ import annotations

import gc
import importlib
import json
import sys

from vpy.system import worker_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Job = dict[str, Any]

# What a job imports, once it is read.
_LOADED_AHEAD = (
    "pip._internal.commands.download",
    "pip._internal.network.lazy_wheel",
    "pip._internal.operations.prepare",
    "pip._internal.index.package_finder",
    "pip._vendor.cachecontrol.caches",
    "pip._vendor.distro.distro",
    "pip._vendor.resolvelib",
    "pip._vendor.truststore",
    "vpy.wheels.index_client.configuration",
    "vpy.wheels.index_client.finder_log",
    "vpy.wheels.index_client.job",
)


def load() -> None:
    """Import what jobs need, ahead of them."""
    for name in _LOADED_AHEAD:
        importlib.import_module(name)


def serve(answers: int, workers: int, answer: Callable[[Job], Job]) -> int:
    """Answer the jobs of stdin, so many at once; return the exit code.

    What takes long to load is loaded once, before there are workers. A job leaves marks on pip: the next one
    is another worker's.
    """
    load()
    gc.freeze()

    def work(line: bytes) -> bytes:
        job = json.loads(line)
        return json.dumps({**answer(job), "number": job["number"]}).encode()

    try:
        worker_pool.serve(worker_pool.Lines(0), answers, work, workers, is_once=True)
    except EOFError:  # whoever asked is gone
        return 1
    except ChildProcessError as error:
        sys.stderr.write(str(error))  # empty where the worker could say why itself
        return 1
    return 0
