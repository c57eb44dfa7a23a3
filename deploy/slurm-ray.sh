#!/usr/bin/env bash
# A study on all nodes of one SLURM job, over which Ray spreads its trials. From a shell whose
# environment has pckd, which the nodes must see too:
#
#   sbatch --nodes=4 deploy/slurm-ray.sh STUDY --results /shared/results [options of pckd study run]
#
# Submit it again to go on; docs/cluster.md tells what to change.
#SBATCH --job-name=pckd
#SBATCH --output=%x-%j.log
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --time=24:00:00
#SBATCH --no-kill
#SBATCH --signal=B:INT@120
set -euo pipefail

nodes=$SLURM_JOB_NUM_NODES
port=$((20000 + SLURM_JOB_ID % 10000))     # other jobs on this node have others
head=$(python -c 'import ray; print(ray.util.get_node_ip_address())')
export RAY_ADDRESS=$head:$port
export RAY_AUTH_MODE=token                 # without it, everyone on these nodes could use this Ray
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN
export RAY_gcs_server_port_wait_time_s=300 # nodes do not come at the same moment

# One Ray a node, the head where this script runs; all end with the job. Ray gives up a start that
# takes longer than 30 seconds, as it may from a network file system: then the node tries again.
# shellcheck disable=SC2016  # each node is to expand these
srun --overlap --no-kill --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 \
    --cpus-per-task="$SLURM_CPUS_PER_TASK" bash -c '
    role=(--address="$RAY_ADDRESS")
    if [ "$SLURM_NODEID" = 0 ]; then
        port=${RAY_ADDRESS##*:}
        role=(--head --node-ip-address="${RAY_ADDRESS%:*}" --port="$port")
        role+=(--ray-client-server-port=$((port + 10000)))
    fi
    role+=(--num-cpus="$SLURM_CPUS_PER_TASK")
    until ray start --block --disable-usage-stats "${role[@]}"; do sleep 5; done
' &

# A study asks all nodes that are there when it starts whether they see the results.
count="import ray, sys; ray.init(); sys.exit(sum(node['Alive'] for node in ray.nodes()) < $nodes)"
until timeout 60 python -c "$count" > /dev/null 2>&1; do
    [ "$SECONDS" -lt 600 ] || { echo "not all $nodes nodes have started Ray in 10 minutes"; exit 1; }
    sleep 2
done

# In place of this shell, so that the signal above stops the study as Ctrl-C does.
exec pckd study run "$@"
