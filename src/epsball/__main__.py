"""``python -m epsball``: the command line."""

import sys

if not getattr(sys.flags, "safe_path", False):
    # `-m` puts the folder where one stands before everything installed, and that may be a run folder from elsewhere
    sys.path.pop(0)

from epsball.cli import main

main()
