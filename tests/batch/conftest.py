"""One Ray for all tests that need it: it takes seconds to start."""

import importlib.util
import os
import sys
import warnings
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def ray():
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed (the extra: facsmith[ray])")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, of its start
        import ray

        ray.init(
            num_cpus=2,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            object_store_memory=80 << 20,
            log_to_driver=False,
            logging_level="error",
            runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}},
        )
    yield ray
    ray.shutdown()
