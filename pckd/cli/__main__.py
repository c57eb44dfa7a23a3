"""`python -m pckd.cli`: the command line where its script is not installed."""

from pckd.cli.main import main

main()
