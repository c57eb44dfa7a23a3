"""One run, from a RunConfig to a trained student: loop, teacher, evaluation, checkpoints."""
