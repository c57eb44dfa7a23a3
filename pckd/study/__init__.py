"""Many runs: the study file, its plan of trials, the searcher, the results store."""
