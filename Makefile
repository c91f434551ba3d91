# Every target is a script under scripts/; this file only names them. It needs a POSIX shell, Python >= 3.11 and git.
# Which Python: scripts/find_python.sh looks for one, CCX_TENANCY_PYTHON names one.

.DEFAULT_GOAL := help
.PHONY: help test demo demo-check services services-stop services-status lint types docs bench wheel-check clean

# Legs to run and to insist on, and arguments for pytest: make test LEGS=sqlite,lint ARGS="-k tenants"
LEGS ?=
REQUIRE ?=
ARGS ?=

# `$(RUN) script.py` runs a script with that Python; `$(WITH) extras` makes the environment and sets $$venv to its Python.
RUN = python=$$(sh scripts/find_python.sh) && exec "$$python" scripts
WITH = python=$$(sh scripts/find_python.sh) && venv=$$("$$python" scripts/environment.py --extras

help:
	@echo "make demo             set everything up and serve the sandbox"
	@echo "make demo-check       seed and start the sandbox, fetch each address, stop; fail on a wrong page"
	@echo "make test             every check and the suite on everything that is there; a table at the end"
	@echo "                      LEGS=sqlite,lint (only these)  REQUIRE=mariadb,redis (no skip)  ARGS='-k name' (for pytest)"
	@echo "make services         start throwaway MariaDB, PostgreSQL and Redis on loopback; REQUIRE=mariadb,... insists"
	@echo "make services-stop    stop them and remove their data;  make services-status: where they are"
	@echo "make lint             formatting, lint and import contracts;  make types: mypy;  make docs: Sphinx"
	@echo "make bench            the benchmarks"
	@echo "make wheel-check      build sdist and wheel, and use the wheel in clean environments under each set of pins"
	@echo "make clean            remove everything that these made (.venv too); stops the services"

test:
	@$(RUN)/run_tests.py $(if $(LEGS),--only $(LEGS)) $(if $(REQUIRE),--require $(REQUIRE)) $(if $(ARGS),-- $(ARGS))

demo:
	@$(WITH) hub) && exec "$$venv" sandbox/run.py serve $(ARGS)

demo-check:
	@$(WITH) hub) && exec "$$venv" sandbox/run.py check $(ARGS)

services:
	@$(RUN)/services.py start $(if $(REQUIRE),--require $(REQUIRE))

services-stop:
	@$(RUN)/services.py stop

services-status:
	@$(RUN)/services.py status

lint:
	@$(RUN)/run_tests.py --only format,lint,imports

types:
	@$(RUN)/run_tests.py --only types

docs:
	@$(RUN)/run_tests.py --only docs

wheel-check:
	@$(RUN)/run_tests.py --only wheel

bench:
	@$(WITH) test,hub) && exec "$$venv" -m pytest benchmarks -p no:xdist --benchmark-only $(ARGS)

clean: services-stop
	@rm -rf .venv .venv-* .venv*.lock .tox build dist docs/_build .services .mypy_cache .ruff_cache .pytest_cache \
	    .import_linter_cache .coverage .coverage.* htmlcov .benchmarks *.egg-info sandbox/var
	@find . -name __pycache__ -prune -exec rm -rf {} +
