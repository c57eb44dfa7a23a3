"""Everything that touches Ray: a study on a cluster, a run over workers, single tasks."""
