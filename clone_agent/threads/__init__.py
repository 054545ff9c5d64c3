"""Who answers whom in a group: explicit quotes, and a small trained scorer for everything else."""
