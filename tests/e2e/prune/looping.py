"""Program that prunes a root over and over until the file STOP is there, for the tests of races.

    looping.py TOP ROOT ENVIRONMENT SETTLE STOP

In turns it removes everything that is unused, however new, and makes `used` years old and removes what
is older than a week. SETTLE (seconds) is shorter than in the product, so that more happens. Prints how
many environments it removed.
"""

import os
import sys
import time


def main() -> None:
    top, root, environment, settle, stop = sys.argv[1:]
    sys.path.insert(0, top)
    from vpy.prune import environments
    from vpy.prune.policy import DAY, Policy
    from vpy.prune.run import prune
    from vpy.system.layout import Layout

    environments.SETTLE_SECONDS = float(settle)
    layout, removed, rounds = Layout(root), 0, 0
    while not os.path.exists(stop):
        older_than = 0.0
        if rounds % 2:
            older_than = 7 * DAY
            try:
                os.utime(os.path.join(environment, "used"), (1e9, 1e9))
            except OSError:
                pass
        report = prune(layout, Policy(older_than=older_than), build="none", now=time.time)
        removed += sum(item.kind == "environments" for item in report.removed)
        rounds += 1
        time.sleep(0.02)
    print(removed)


main()
