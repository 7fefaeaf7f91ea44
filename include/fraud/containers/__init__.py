"""Thin entry points of the jobs: the SageMaker contract on one side, the library on the other."""

import os

# OpenMP's threads spin while they wait for each other. Where jobs share cores (a laptop, the local AWS) that starves
# the thread waited for: training on 270,000 rows took 114 s so, 12 to 26 s with waiting threads asleep. OpenMP reads
# this when XGBoost or scikit-learn loads it, so it is set before either is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
