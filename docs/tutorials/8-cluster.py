# %% [markdown]
# # 8. On a cluster
#
# A cross-validation trains one model for each fold, and folds need nothing of each other: they can run at the same time, on one machine or on many.
# What differs is only who starts the processes. Takes about 35 seconds of computing on two cores.
#
# To be quick here, two learners of the blend and four folds; leave out `--learners`, and take `--cv 5` or more.
#
# ## Several folds at once: `--jobs`

# %% language="bash"
# aam train --table mouse/table.qza --sequences mouse/rep-seqs.qza --metadata mouse/metadata.tsv --metadata-column age \
#   --group-column host_subject_id --learners clades-radial,jaccard --no-forest-baseline --no-report \
#   --cv 4 --jobs 2 --output-dir runs/two-at-once --overwrite

# %% [markdown]
# `--jobs 2` trains two folds at once, each in a process with half of the cores; on a machine of 16 cores, say `--jobs 8`. Memory is needed for
# all of them. With one thread for each process the results are the bytes of `--jobs 1`.
#
# ## Several machines: `--join`
#
# Start the same command wherever you like, as often as you like, with an output folder that all machines see. Each process takes the next
# fold that nobody works on; the one that finds all finished writes the results. Here two processes on this machine stand for two machines:

# %% language="bash"
# fold="aam train --table mouse/table.qza --sequences mouse/rep-seqs.qza --metadata mouse/metadata.tsv --metadata-column age
#   --group-column host_subject_id --learners clades-radial,jaccard --no-forest-baseline --no-report
#   --cv 4 --output-dir runs/joined --join"
# $fold > runs/machine-1.txt 2>&1 &
# $fold > runs/machine-2.txt 2>&1 &
# wait
# ls runs/joined runs/joined/folds

# %% [markdown]
# Whoever did which fold, the result is the same:

# %% language="bash"
# grep mae runs/two-at-once/cv_metrics.tsv | head -1
# grep mae runs/joined/cv_metrics.tsv | head -1

# %% [markdown]
# If a process is killed, start one more: it takes over the unfinished fold.
#
# ## SLURM
#
# For a scheduler the same command goes into a script. This one, [slurm_folds.sbatch](../examples/slurm_folds.sbatch), asks for an array of five
# tasks; lines that begin with `#SBATCH` tell the scheduler what each needs:

# %%
print(open("slurm_folds.sbatch").read())

# %% [markdown]
# What to change: the files and the column, the time (`aam check` estimates it), the memory, and partition or account if your cluster asks
# for them. Then, on the cluster:
#
# ```bash
# sbatch slurm_folds.sbatch     # submits it
# squeue --me                   # is it running?
# tail -f aam-folds-*.log       # what it says
# ```
#
# A task whose time is up ends with exit code 75, and the script queues it again; nothing that is finished is lost. This page ran the commands, but
# no SLURM.
#
# ## What can go wrong
#
# | You see | Do |
# |---|---|
# | tasks are killed | more memory: the log of each fold says what was expected; or fewer `--jobs` |
# | all tasks are slow | as many threads as cores: `OMP_NUM_THREADS`, which the script sets |
# | `... another process` works in the folder | without `--join` a run has a folder for itself |
# | compute nodes cannot see the files | paths on the shared disk, not in `/tmp` |
#
# A blend gains nothing from a GPU. Networks do: one run on several GPUs or machines is described in [Several devices](../cluster.md).
#
# ## Next
#
# [Ready configurations](../../configs/README.md) of usual jobs, and [containers](../containers.md), with an Apptainer recipe for clusters.
