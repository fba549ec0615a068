# Two commands: `make demo` films a face, `make test` checks everything. Both make .venv where it is missing.
# Only Python 3.11 or newer with venv and pip is needed; Debian's libegl1 and libgles2 are optional (MediaPipe uses
# them; without them faces are found with dlib).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.facsmith-installed

.PHONY: demo test check format clean

demo: $(STAMP)
	$(BIN)/python -m facsmith._demo demo

# A process per core with one thread each: threads that wait for a busy core cost more than they bring.
test: check
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

check: $(STAMP)
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix src tests
	$(BIN)/ruff format src tests

clean:
	rm -rf demo dist build .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# The stamp makes this idempotent: pip runs again only when one of the two files changed or an install was cut short.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
