"""Prunes a root over and over until it is told to stop; run as a child by the tests of races.

    looping.py TOP ROOT ENVIRONMENT SETTLE STOP

It takes whatever nobody uses, however new, or lets `used` be a year old and takes what is older
than a week. SETTLE (seconds) is shorter than in earnest, so that more happens. Prints how many
environments it removed.
"""

import os
import sys
import time


def main() -> None:
    top, root, environment, settle, stop = sys.argv[1:]
    sys.path.insert(0, top)
    from vpy.environment import prune
    from vpy.system.layout import Layout

    prune.SETTLE = float(settle)
    layout, removed, rounds = Layout(root), 0, 0
    while not os.path.exists(stop):
        older_than = 0.0
        if rounds % 2:
            older_than = 7 * prune.DAY
            try:
                os.utime(os.path.join(environment, "used"), (1e9, 1e9))
            except OSError:
                pass
        policy = prune.Policy(older_than=older_than)
        report = prune.run(layout, policy, build="none", now=time.time)
        removed += sum(one.kind == "environments" for one in report.removed)
        rounds += 1
        time.sleep(0.02)
    print(removed)


main()
