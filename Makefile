# Each command sets up all that it needs in .venv, when that is missing or outdated.
PYTHON ?= python3
READY := .venv/.ready

.PHONY: quickstart test docs

# Grow a GAN on scanned digits, measured at every resolution; the next free runs/quickstart-N.
quickstart: $(READY)
	n=1; while [ -e runs/quickstart-$$n ]; do n=$$((n + 1)); done; \
	.venv/bin/gankit run experiments/quickstart.yaml --out runs/quickstart-$$n

# Lint, types and the fast tests.
test: $(READY)
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/basedpyright
	.venv/bin/pytest -n auto --dist worksteal

# The pages that are made from the code.
docs: $(READY)
	.venv/bin/python docs/generate.py

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gankit needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --editable '.[dev]'
	touch $@
