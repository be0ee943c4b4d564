"""Calls of Windows that Python has no name for. Source: Microsoft's `jobapi2.h` and `winnt.h`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from subprocess import Popen
    from typing import Any

_EXTENDED_LIMITS = 9  # JobObjectExtendedLimitInformation
_KILL_ON_CLOSE = 0x2000  # JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
_SILENT_BREAKAWAY = 0x1000  # JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK


def job_of_children() -> int:
    """Return a job whose members end when its handle closes; 0 where there can be none.

    What the members start is in no job, as with the launchers of CPython: a daemon outlives them. A
    venv's own launcher has such a job too, for the Python that it starts.
    """
    import ctypes
    from ctypes import wintypes

    class Basic(ctypes.Structure):
        _fields_ = (
            ("process_time", ctypes.c_int64),
            ("job_time", ctypes.c_int64),
            ("flags", wintypes.DWORD),
            ("least_memory", ctypes.c_size_t),
            ("most_memory", ctypes.c_size_t),
            ("most_processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority", wintypes.DWORD),
            ("scheduling", wintypes.DWORD),
        )

    class Extended(ctypes.Structure):
        _fields_ = (
            ("basic", Basic),
            ("counters", ctypes.c_uint64 * 6),
            ("memory", ctypes.c_size_t * 4),
        )

    kernel = _kernel()
    job: int | None = kernel.CreateJobObjectW(None, None)
    limits = Extended()
    limits.basic.flags = _KILL_ON_CLOSE | _SILENT_BREAKAWAY
    size = ctypes.sizeof(limits)
    if not job or not kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size):
        return 0
    return job


def assign(job: int, child: Popen[bytes]) -> None:
    """Make the child a member of the job; where the system does not allow it, it goes on without."""
    if job:
        _kernel().AssignProcessToJobObject(job, int(vars(child)["_handle"]))


def _kernel() -> Any:
    import ctypes
    from ctypes import wintypes

    kernel = vars(ctypes)["WinDLL"]("kernel32")
    kernel.CreateJobObjectW.restype = wintypes.HANDLE
    kernel.CreateJobObjectW.argtypes = (wintypes.LPVOID, wintypes.LPCWSTR)
    kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD)
    kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    return kernel
