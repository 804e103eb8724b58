# Each command sets up all that it needs in .venv, when that is missing or outdated.
PYTHON ?= python3
READY := .venv/.ready
# One thread a process: tests run side by side, and threads that share cores wait for each other. Whatever the environment
# says, modules are compiled once and not by each of the many processes.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= .venv/bin/pytest -n auto --dist worksteal
PARTS := core conformance golden properties aim plugins end_to_end speed

.PHONY: quickstart install check check-core test fast test-all $(PARTS:%=test-all-%) bench peer-quality lint types docs constraints

# Grow a GAN on scanned digits, measured at every resolution: in runs/quickstart, or the next free runs/quickstart-N.
quickstart: $(READY)
	run=runs/quickstart; n=1; while [ -e $$run ]; do n=$$((n + 1)); run=runs/quickstart-$$n; done; \
	.venv/bin/gankit run experiments/quickstart.yaml --out $$run

install: $(READY)

# The quickest: lint, layers, types, and beside them those tests of the core that are over at once.
check: $(READY) lint
	@$(MAKE) --no-print-directory -j2 types check-core

check-core: $(READY)
	$(PYTEST) -m 'not slow and not costly' tests/core

# Lint, layers, types and all tests but the slow ones; the README says how long they take.
test: $(READY) lint
	@$(MAKE) --no-print-directory -j2 types fast

fast: $(READY)
	$(PYTEST)

# Everything, the slow tests too, in parts of less than an hour each; `make test-all-aim` is one of them.
test-all: $(READY) lint types $(PARTS:%=test-all-%)

$(PARTS:%=test-all-%): test-all-%: $(READY)
	$(PYTEST) -m '' --hypothesis-profile thorough $(or $(TESTS_$*),tests/$*)

TESTS_aim := tests/plugins/test_aim*.py
TESTS_plugins := tests/plugins --ignore-glob='*/test_aim*'
TESTS_end_to_end := tests/end_to_end --ignore-glob='*_speed.py'
# with nothing beside it
TESTS_speed := -n 0 tests/end_to_end/*_speed.py

# How fast it is, beside what is to be reached (docs/performance.md); ARGS="--peer PATH" runs another's code beside it.
bench: $(READY)
	PYTHONPATH=tests .venv/bin/python -m benchmarks $(ARGS)

# FID of gankit's PGGAN beside that of pytorch_GAN_zoo's, at equal images and processor time (docs/results/pggan-peer.md);
# ARGS="--peer PATH" is a checkout of it. ARGS="--peer PATH --images 1500 --samples 256 --seeds 1" to see that it works.
peer-quality: $(READY)
	PYTHONPATH=tests .venv/bin/python -m benchmarks.quality $(ARGS)

lint: $(READY)
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/lint-imports --no-cache

# Said at once when it ends, for tests may run beside it.
types: $(READY)
	@said=$$(.venv/bin/basedpyright); failed=$$?; echo "$$said"; exit $$failed

# The pages that are made from the code, and the site of all pages, in build/docs/site; refuses links that lead nowhere.
docs: .venv/.docs
	.venv/bin/python docs/generate.py
	.venv/bin/python docs/build_site.py

.venv/.docs: $(READY)
	.venv/bin/pip install --quiet --editable '.[docs]'
	touch $@

# The versions with which the tests have passed last, to install what did: pip install -c constraints.txt -e '.[dev]'
constraints: $(READY)
	{ echo '# The versions with which all tests passed last; `make constraints` writes them.'; \
	  .venv/bin/pip freeze --exclude-editable --exclude gankit | sed 's/+[a-z0-9.]*$$//'; } > constraints.txt

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gankit needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --editable '.[dev]'
	touch $@
