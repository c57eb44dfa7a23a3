# `make demo` and `make test` do all the set-up that a fresh clone needs.
PYTHON ?= python3
VENV ?= .venv
INSTALLED = $(VENV)/.installed
BIN = $(VENV)/bin
LOWEST ?= $(addprefix tests/,method models data files training study analysis)

.PHONY: help demo test lowest test-cluster test-faults fuzz generated lint bench
help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## search the loss weights on handwritten digits, probe the students, write a report
	$(BIN)/pckd study run studies/demo.yaml
	$(BIN)/pckd report demo

test: $(INSTALLED)  ## the test suite
	$(BIN)/pytest --numprocesses 3 --dist loadgroup

lowest:  ## the tests without Ray, on the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python \
	    --resolution lowest-direct --editable '.[dev]'
	.venv-lowest/bin/pytest $(LOWEST)

test-cluster: $(INSTALLED)  ## the tests on Ray that take minutes: many nodes, kills, workers
	$(BIN)/pytest -m cluster tests/cluster tests/distributed

test-faults: $(INSTALLED)  ## what test-cluster leaves out because it takes minutes
	$(BIN)/pytest -m faults tests/cluster tests/distributed

fuzz: $(INSTALLED)  ## read a thousand damaged files of each kind; minutes
	$(BIN)/python -m fuzz

generated: $(INSTALLED)  ## write the files anew that are made from the code
	$(BIN)/python -m pckd.method.describing
	$(BIN)/python -m pckd.models.sizes
	$(BIN)/python -m pckd.training.method_settings
	$(BIN)/python -m pckd.study.json_schema
	$(BIN)/python -m pckd.study.results_page > docs/results.md

lint: $(INSTALLED)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## speed against the peers' training loop, in under 15 minutes
	$(BIN)/python -m benchmarks
