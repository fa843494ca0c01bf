# Everything from a bare machine with Python and make. `make help` lists the targets.

VENV := .venv
VENV1 := .venv-numpy1
WHEELS := $(VENV)/wheels
PYQG := pyqg==0.7.2
ARGS ?=

# Every worker of the tests computes with one thread; those with a browser share one worker.
WORKERS ?= 2
PARALLEL = -n $(WORKERS)

.DEFAULT_GOAL := help
.PHONY: lab demo test test-slow test-numpy1 bench lint docs install clean help

lab: $(VENV)/.installed ## serve the lab on http://localhost:5006 (ARGS="--port 5007 --no-show")
	$(VENV)/bin/dalab lab $(ARGS)

demo: $(VENV)/.installed ## run the default experiment: score table, out/demo.nc and a figure
	$(VENV)/bin/dalab demo $(ARGS)

test: $(VENV)/.installed ## run the quick tests (ARGS="-k solver"; WORKERS=4)
	@command -v chromium >/dev/null || printf '%s\n' \
	  'Chromium is not installed, so the browser tests are skipped. To run them too:' \
	  '    sudo apt-get install chromium'
	$(VENV)/bin/python -m pytest $(PARALLEL) -m 'not slow' $(ARGS)

test-slow: $(VENV)/.installed ## run all other tests
	$(VENV)/bin/python -m pytest $(PARALLEL) -m slow $(ARGS)

test-numpy1: $(VENV1)/.installed ## run the quick tests that need no interface under NumPy 1.26
	$(VENV1)/bin/python -m pytest $(PARALLEL) -m 'not browser and not lab and not slow' $(ARGS)

bench: $(VENV)/.installed ## run the benchmarks
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(VENV)/bin/python $$script; done

lint: $(VENV)/.installed ## check style, types, and the order of imports
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/.installed ## build the documentation site in site/
	$(VENV)/bin/mkdocs build --quiet $(ARGS)

install: $(VENV)/.installed ## make the virtual environment in .venv

clean: ## remove the environments and caches; results in out/ stay
	rm -rf $(VENV) $(VENV1) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

# --- the environments --------------------------------------------------------------------------

# The first Python that fits; a name can be on the path and still not start.
SUITABLE = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUITABLE)' 2>/dev/null && echo $$p && break; done)

define NO_PYTHON
dalab needs Python 3.11 to 3.14 and found none. On Debian or Ubuntu:
    sudo apt-get install python3 python3-venv
or say where it is:
    make install PYTHON=/path/to/python3.12
endef

define NO_VENV
This Python cannot make virtual environments. On Debian or Ubuntu:
    sudo apt-get install python3-venv
endef

define NO_COMPILER
pyqg could not be compiled (the reason is above). It needs a C compiler and the Python headers.
On Debian or Ubuntu:
    sudo apt-get install build-essential python3-dev
endef

export NO_MKDOCS_2_WARNING := 1

export NO_PYTHON NO_VENV NO_COMPILER

$(VENV)/.created:
	@$(or $(PYTHON),false) -c '$(SUITABLE)' || { echo "$$NO_PYTHON"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$$NO_VENV"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade 'pip>=25.3'
	@touch $@

# pyqg has no wheel to download. It is compiled apart from the rest and never taken from pip's cache,
# where one built against another NumPy may lie; both environments install the same wheel. The two
# macros spare it C's complex type and a profiling hook, which today's NumPy and Python lack.
PIP_WHEEL = CFLAGS='-DCYTHON_CCOMPLEX=0 -DCYTHON_PROFILE=0' $(VENV)/bin/pip wheel -qq \
	--no-cache-dir --no-deps --wheel-dir $(WHEELS)

$(WHEELS)/.built: build-constraints.txt | $(VENV)/.created
	@rm -rf $(WHEELS) && mkdir $(WHEELS)
	@echo 'Compiling pyqg (about 20 seconds)'
	@if $(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; \
	  then $(PIP_WHEEL) --build-constraint build-constraints.txt $(PYQG); \
	  else $(PYQG_CYTHON3); fi || { echo "$$NO_COMPILER"; exit 1; }
	@touch $@

# Cython 0.29 knows no Python after 3.12, and Cython 3 divides integers into floats:
# there the two integer divisions of the kernel are spelled out.
PYQG_CYTHON3 = \
	$(VENV)/bin/pip download --quiet --no-deps --no-binary pyqg --dest $(WHEELS) \
	  --build-constraint build-constraints.txt $(PYQG) && \
	tar -xzf $(WHEELS)/pyqg-0.7.2.tar.gz -C $(WHEELS) && \
	sed -i.orig -e 's|nx/2 + 1|nx//2 + 1|' -e 's|self.nl/self.num_threads|self.nl//self.num_threads|' \
	  $(WHEELS)/pyqg-0.7.2/pyqg/kernel.pyx && \
	$(PIP_WHEEL) ./$(WHEELS)/pyqg-0.7.2

PIP_INSTALL = $(VENV)/bin/pip $(1) install --quiet --find-links $(WHEELS) --only-binary pyqg

$(VENV)/.installed: pyproject.toml constraints.txt $(WHEELS)/.built
	@echo 'Installing dalab and what it stands on (a minute or two)'
	@$(call PIP_INSTALL) -c constraints.txt -e '.[lab,qg,dev]'
	@touch $@

$(VENV1)/.installed: pyproject.toml constraints.txt constraints-numpy1.txt $(WHEELS)/.built
	$(VENV)/bin/python -m venv --without-pip $(VENV1)
	@awk -F== '!seen[$$1]++' constraints-numpy1.txt constraints.txt > $(VENV1)/constraints.txt
	@$(call PIP_INSTALL,--python $(VENV1)) -c $(VENV1)/constraints.txt -e '.[qg,test]'
	@touch $@
