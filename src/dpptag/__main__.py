"""``python -m dpptag``: the same program as the console script."""

from dpptag.cli import main

main()
