"""`python3 /usr/lib/bob COMMAND …`: the builder's own program, run by build-root and by `bb`.

Run as a folder and not with `-m`, which would look for modules in the working folder first: that is the dock's.
"""

import sys

from gentoo_bob.commands import main

if __name__ == "__main__":
    main(sys.argv[1:])
