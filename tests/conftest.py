"""Settings every test needs before anything heavy is imported."""

import os

# Before torch: tiny models run 10-20 times slower when OpenMP threads spin (docs/development.md).
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
