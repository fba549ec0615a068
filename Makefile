# `make demo` films a face, `make test` checks everything, `make test-fast` most of it in three minutes. All make .venv
# where it is missing.
# Only Python 3.11 or newer with venv and pip is needed; Debian's libegl1 and libgles2 are optional (MediaPipe uses
# them; without them faces are found with dlib).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.facsmith-installed

.PHONY: demo test test-fast check docs format clean

demo: $(STAMP)
	$(BIN)/python -m facsmith._demo demo

# A process per core with one thread each: threads that wait for a busy core cost more than they bring.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

test: check
	$(PYTEST)

# While you work: what takes longer than two seconds is left out.
test-fast: check
	$(PYTEST) -m "not slow"

check: $(STAMP) docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

# The site, into site/. A link that leads nowhere, or a docstring that names a parameter there is not, fails.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf demo dist build site .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# The stamp makes this idempotent: pip runs again only when one of the two files changed or an install was cut short.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
