#!/usr/bin/env bash
# One run on two machines of four GPUs each. Start this script on both, at about the same time:
#   ./torchrun.sh 0 node01    on node01
#   ./torchrun.sh 1 node01    on node02
set -euo pipefail

machine=$1      # the number of this machine, from 0
first=$2        # the name of machine 0, as the others reach it
run=runs/age    # on a disk that both machines see, as the inputs are

export OMP_NUM_THREADS=4

if [ -f "$run/config.yaml" ]; then
    words=(train --resume-from "$run" --distributed)
else
    words=(train --table table.biom --metadata samples.tsv --metadata-column age
        --learners network --output-dir "$run" --distributed)
fi

# exec: a signal to this script reaches torchrun, which ends its processes in order.
exec torchrun --nnodes 2 --nproc-per-node 4 --node-rank "$machine" \
    --master-addr "$first" --master-port 29500 -m aam "${words[@]}"
