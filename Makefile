# `make demo` and `make test` need python3 (3.10-3.13), pip, git and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := -m pip install --disable-pip-version-check --constraint constraints.txt

unexport PYTHONPATH PYTHONHOME PIP_USER

.NOTPARALLEL:
.PHONY: demo test test-all fuzz check types floors format bench mutate gpu same clean

demo: .venv/installed
	$(BIN)/epsball demo

# Every law, and each attack on one network a norm. Two workers of one thread each: the tests' tensors are too small to share between cores.
test: export OMP_NUM_THREADS = 1
test: .venv/developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 2

check: test types

# In addition: every attack x norm x dtype x goal, and what else takes minutes (marked `thorough`).
test-all: export OMP_NUM_THREADS = 1
test-all: .venv/developer
	$(BIN)/python -m pytest --numprocesses 2 -m thorough

# Random damage to everything that is read, and random words, for about an hour; `make test` does a minute of it, `make test-all` five.
fuzz: export OMP_NUM_THREADS = 1
fuzz: export EPSBALL_FUZZ = hour
fuzz: .venv/developer
	$(BIN)/python -m pytest --numprocesses 2 -m thorough tests/hostile

# What a user's type checker sees: the type of every public name must be written, not inferred. Pyright fetches itself from npm once.
types: .venv/developer
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=src $(BIN)/pyright --verifytypes epsball --ignoreexternal

# The lowest versions that pyproject.toml allows; what they say about newer releases of what they need is no error here. TORCH=2.13.0 where the lowest is only to be had as a build of several gigabytes.
TORCH ?= 2.6.0
floors: export OMP_NUM_THREADS = 1
floors: .venv-floors/installed
	.venv-floors/bin/python -m pytest --numprocesses 2 -W default::DeprecationWarning -W default::PendingDeprecationWarning

.venv-floors/installed: pyproject.toml constraints-floors.txt
	test -e $@ || $(PYTHON) -m venv --clear .venv-floors
	rm -f $@
	.venv-floors/bin/python -m pip install --disable-pip-version-check --constraint constraints-floors.txt \
		torch==$(TORCH) --editable ".[test]"
	touch $@

format: .venv/developer
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# make bench ARGS="deepfool --rows 64"
bench: .venv-bench/installed
	.venv-bench/bin/python benchmarks/run.py $(ARGS)

# make mutate ARGS="--seeds 1 2 3": at most 90 minutes; broken off, it goes on from there. Seeds are chosen after the last test.
mutate: export OMP_NUM_THREADS = 1
mutate: .venv/developer
	$(BIN)/python benchmarks/mutate.py $(ARGS)

# PYTHON names an interpreter that has PyTorch with CUDA; nothing is installed. make gpu PYTHON=… ARGS="--only contract rows"
gpu:
	PYTHONPATH=src $(PYTHON) benchmarks/gpu.py $(ARGS)

# make same AGAINST=main: the rows of this tree and of a commit, column by column
AGAINST ?= HEAD
same: .venv/developer
	$(BIN)/python benchmarks/same_rows.py --against $(AGAINST) $(ARGS)

# The stamps go before an install and come back after it, so an interrupted one leaves none and the next starts afresh.
.venv/installed: EXTRA := demo
.venv/developer: EXTRA := dev
.venv/installed .venv/developer: pyproject.toml constraints.txt
	test -e .venv/installed || $(PYTHON) -m venv --clear .venv
	rm -f .venv/installed .venv/developer
	$(BIN)/python $(PIP) --editable ".[$(EXTRA)]"
	touch .venv/installed $@

.venv-bench/installed: pyproject.toml constraints.txt benchmarks/peers.txt benchmarks/peers-alone.txt
	test -e $@ || $(PYTHON) -m venv --clear .venv-bench
	rm -f $@
	.venv-bench/bin/python $(PIP) --editable ".[demo]" --requirement benchmarks/peers.txt
	.venv-bench/bin/python $(PIP) --no-deps --requirement benchmarks/peers-alone.txt
	touch $@

clean:
	rm -rf .venv .venv-bench .venv-floors
