"""`python3 /usr/lib/bob COMMAND …`: the builder's own program, run by build-root and by `bb`.

Run as a folder and not with `-m`, which would look for modules in the working folder first: that is the dock's.
"""

import os
import sys
import traceback

from gentoo_bob.commands import main

if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Exception:
        # Portage's event loop would be waited for at the end, and what has failed in it does not end.
        traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
