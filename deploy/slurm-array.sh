#!/usr/bin/env bash
# A study by an array of SLURM jobs that share its trials, without Ray. From a shell whose
# environment has pckd, which the nodes must see too:
#
#   sbatch --array=1-8 deploy/slurm-array.sh STUDY --results /shared/results [options of pckd study work]
#
# Jobs may start and end at any time; submit it again to go on. docs/cluster.md tells more.
#SBATCH --job-name=pckd
#SBATCH --output=%x-%A-%a.log
#SBATCH --array=1-4
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --gpus=1
#SBATCH --time=24:00:00
#SBATCH --signal=B:INT@120
set -euo pipefail

# In place of this shell, so that the signal above stops the work as Ctrl-C does.
exec pckd study work "$@"
