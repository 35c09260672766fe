"""``python -m epsball``: the command line."""

from epsball.cli import main

main()
