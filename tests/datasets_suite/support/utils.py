"""What the tests of datasets import from the module `tests.utils`, which is not in the sdist."""

import gc
import os
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec

import pyarrow as pa
import pytest


def _requires(package):
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


def _as_it_is(test):
    return test


require_jax = _requires("jax")
require_pil = _requires("PIL")
require_polars = _requires("polars")
require_pyspark = _requires("pyspark")
require_sqlalchemy = _requires("sqlalchemy")
require_tf = _requires("tensorflow")
require_torch = _requires("torch")
require_transformers = _requires("transformers")
# Of dill since 0.3.2, and of Windows alone.
require_dill_gt_0_3_2 = require_not_windows = require_numpy1_on_windows = _as_it_is


@contextmanager
def set_current_working_directory_to_temp_dir():
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def _arrow_memory():
    gc.collect()
    return pa.total_allocated_bytes()


@contextmanager
def assert_arrow_memory_increases():
    before = _arrow_memory()
    yield
    assert pa.total_allocated_bytes() > before


@contextmanager
def assert_arrow_memory_doesnt_increase():
    before = _arrow_memory()
    yield
    assert pa.total_allocated_bytes() <= before


def push_parquet_shards_offline(*_, **__):
    pytest.skip("needs a hub")
