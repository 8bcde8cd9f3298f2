#!/bin/bash
# A job of dsdm on Slurm, by hand: `dsdm job submit --slurm` writes the same. Plan it first, where the scores are:
#
#   dsdm job plan /data/corpus /data/best --by /data/scores --fraction 0.1 --max-shard-size 1GB
#   units=$(sbatch --parsable job.sh /data/best)
#   sbatch --dependency=afterok:"$units" --wrap "dsdm job finalize /data/best"
#
#SBATCH --array=0-63
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --requeue

# The rank is that of the array, of which there are 64.
exec dsdm job run "$1" --threads "$SLURM_CPUS_PER_TASK"
