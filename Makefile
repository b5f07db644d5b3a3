# SPDX-License-Identifier: GPL-3.0-or-later
# `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# The targets share one lab and one machine.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# The interpreter of .venv: 3.11 or newer. pip chooses the newest ansible-core that supports it: 2.19 for 3.11.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Tests start modules and pip many hundred times: what is imported each time is compiled once.
unexport PYTHONDONTWRITEBYTECODE

say = printf '\n==> %s\n'
play := ansible-playbook -i inventories/lab
# The lines of a log that say what failed.
failures = f() { sed -E 's/\x1b\[[0-9;]*m//g; s/^[[:space:]]*│?[[:space:]]*//' "$$1" \
  | grep -E -A4 '^(E  |FAILED|ERROR|fatal:|\[ERROR\])' | cut -c1-200 | tail -n 24 || true; }; f

.PHONY: help
help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: ## Install what is missing here: Debian packages and .venv
	@missing=; \
	command -v git > /dev/null || missing="$$missing git"; \
	command -v ssh > /dev/null || missing="$$missing openssh-client"; \
	command -v $(PYTHON) > /dev/null && $(PYTHON) -c 'import ensurepip' 2> /dev/null || missing="$$missing python3 python3-venv"; \
	if [ -n "$$missing" ]; then \
	  command -v apt-get > /dev/null || { echo "Missing here:$$missing. Install them with this machine's package manager." >&2; exit 1; }; \
	  [ "$$(id -u)" = 0 ] || { echo "Missing here:$$missing. Run make as root, or: sudo apt-get install$$missing" >&2; exit 1; }; \
	  $(say) "Installing$$missing with apt-get"; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y $$missing; \
	fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V): ansible-core needs 3.11 or newer. Name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@wanted=$$(cat requirements.txt requirements-test.txt | sha256sum | cut -d' ' -f1); \
	if [ "$$(cat .venv/requirements.sha256 2> /dev/null)" != "$$wanted" ]; then \
	  $(say) "Making .venv from requirements-test.txt (the first time some minutes)"; \
	  [ -x .venv/bin/pip ] || $(PYTHON) -m venv --clear .venv; \
	  .venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements-test.txt; \
	  echo "$$wanted" > .venv/requirements.sha256; \
	fi

.PHONY: demo
demo: lab ## Everything: set up, bring up the lab, survey it, play site.yml on it, print the proof
	@$(say) "Asking the interpreters of the lab (playbooks/survey.yml)"
	@$(play) playbooks/survey.yml
	@$(say) "Playing site.yml on the lab"
	@$(play) site.yml
	@$(MAKE) proof

.PHONY: lab
lab: setup ## Bring up the six hosts of the lab (containers)
	@$(say) "Bringing up the lab (the first time it builds four Debian images: a minute or two)"
	@$(play) molecule/lab/create.yml

.PHONY: lab-down
lab-down: setup ## Remove the lab: its hosts, networks, keys (the base images stay, as a cache)
	@$(say) "Taking down the lab"
	@$(play) molecule/lab/destroy.yml
	@rm -rf .lab

.PHONY: proof
proof: setup ## Measure on the nodes what site.yml promised, and print it
	@$(say) "Looking at the nodes"
	@rm -f .lab/proof.txt; rc=0; $(play) molecule/lab/proof.yml || rc=$$?; \
	if [ -e .lab/proof.txt ]; then echo; cat .lab/proof.txt; fi; exit $$rc

.PHONY: test
test: setup ## Everything that must pass, without the tests marked long: those are part of integration, molecule and attacks
	@# Three at a time: the lab mostly waits, and so do the tests of servers; none touches what another one does.
	@# Each pytest reads the options in the environment, also one that molecule starts.
	@mkdir -p .cache/test; export PYTEST_ADDOPTS="$${PYTEST_ADDOPTS:-} -m 'not long'"; \
	part() { \
	  local rc=0; SECONDS=0; \
	  $(MAKE) $$3 2>&1 | tee .cache/test/$$1.log | sed -u "s/^/$$2/" || rc=$$?; \
	  printf '\n==> %s: %s after %d:%02d minutes\n' "$$1" "$$([ $$rc = 0 ] && echo passed || echo FAILED)" $$((SECONDS / 60)) $$((SECONDS % 60)); \
	  return $$rc; \
	}; \
	part lab 'lab | ' '-k molecule core-ends VERSIONS=2.18' & lab=$$!; \
	part integration 'integration | ' integration & integration=$$!; \
	failed=; for step in lint unit sanity build docs attacks; do part $$step '' $$step || failed="$$failed $$step"; done; \
	wait $$integration || failed="$$failed integration"; wait $$lab || failed="$$failed lab"; \
	for name in $$failed; do $(say) "What failed in $$name (all of it: .cache/test/$$name.log)"; $(failures) .cache/test/$$name.log; done; \
	if [ -n "$$failed" ]; then $(say) "Failed:$$failed"; exit 1; fi

.PHONY: lint
lint: setup ## ansible-lint (production profile), ruff, mypy, shellcheck, yamllint, the documentation, the changelog
	@$(say) "ruff"
	@ruff check .
	@ruff format --check .
	@$(say) "mypy"
	@mypy
	@$(say) "shellcheck"
	@git ls-files -z --cached --others --exclude-standard -- '*.sh' | xargs -0 shellcheck
	@$(say) "yamllint"
	@yamllint --strict .
	@$(say) "antsibull-docs"
	@# It takes the links among the action plugins for names of one plugin, so it gets a copy with files in their place,
	@# outside of this repository: of one it reads what git tracks.
	@copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; cp -rL galaxy.yml README.md meta plugins roles "$$copy"; \
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=dependent --disallow-unknown-collection-refs "$$copy"
	@$(say) "antsibull-changelog"
	@antsibull-changelog lint
	@antsibull-changelog lint-changelog-yaml --strict changelogs/changelog.yaml
	@$(say) "ansible-lint, profile production"
	@ansible-lint --offline --strict

.PHONY: sanity
sanity: setup ## ansible-test sanity, without an ignore file
	@$(say) "ansible-test sanity"
	@bash .ci/sanity.sh

.PHONY: unit
unit: setup ## Unit tests of the pure logic, without network
	@$(say) "Unit tests"
	@pytest tests/unit

.PHONY: integration
integration: setup ## Modules with the real pip and the real devpi-server, on loopback
	@$(say) "Integration tests"
	@# Two at a time, each a file: most wait for servers and for Ansible.
	@pytest --numprocesses 2 --dist loadfile tests/integration

.PHONY: attacks
attacks: setup ## A slice of the fuzz test and of the hostile test
	@$(say) "A slice of the fuzz test (make fuzz does more)"
	@pytest tests/fuzz
	@$(say) "A slice of the hostile test (make hostile does all)"
	@HOSTILE_SEED=$${HOSTILE_SEED:-8} pytest tests/hostile

.PHONY: conformance
conformance: setup ## Each kind of index, each version of devpi-server, against old and new pip and uv (URL=… and CA=… for an index of your own)
	@$(say) "Conformance test"
	@$(if $(URL),INDEX_URL=$(URL) INDEX_CA=$(CA) INDEX_LACKS=$(LACKS) pytest tests/conformance,pytest tests/integration/test_conformance.py)

# The tests of what each kind of index does, apart from the lab.
KINDS := conformance devpi_publish static_index publish_static pypiserver pypiserver_service folder external

.PHONY: indexes
indexes: setup ## Play every kind of index, on loopback and on the lab, and print what each gives and how fast it is (half an hour; needs wrk)
	@command -v wrk > /dev/null || { echo "wrk is missing. Install it: apt-get install wrk" >&2; exit 1; }
	@$(say) "Conformance of each kind, and what each promises"
	@pytest --numprocesses 2 --dist loadfile $(KINDS:%=tests/integration/test_%.py)
	@$(MAKE) molecule SCENARIOS='--scenario-name indexes'
	@$(say) "What each kind gives, and how fast it is"
	@PYTHONPATH=.collections:. python tests/bench/indexes.py

.PHONY: kills
kills: setup ## Kill publishing, the server and installing at 20 places each, with either kind of index (AIRGAP_SEED=… repeats, KILL_PLACES=… is how many)
	@$(say) "Killing at random places"
	@KILL_PLACES=$${KILL_PLACES:-20} pytest tests/integration/test_devpi_publish.py tests/integration/test_static_index.py tests/integration/test_requirement_sets.py -k killed -s

.PHONY: fuzz
fuzz: setup ## 200 places of a signed bundle damaged, each refused by name (FUZZ_SEED=… repeats, FUZZ_PLACES=… is how many)
	@$(say) "Fuzz test"
	@FUZZ_PLACES=$${FUZZ_PLACES:-200} pytest tests/fuzz

.PHONY: hostile
hostile: setup ## Each host of a small site in turn lies in each task: nothing comes of it (half an hour or more; HOSTILE_CASES=… HOSTILE_SEED=… for a slice)
	@$(say) "Hostile test"
	@HOSTILE_CASES=$${HOSTILE_CASES:-all} pytest tests/hostile

.PHONY: matrix
matrix: setup ## 20 packages for 5 targets: plain pip, ours and uv, judged twice (some minutes; PACKAGES="flask lxml" for a slice)
	@python tests/matrix/matrix.py $(if $(PACKAGES),--packages $(PACKAGES)) $(if $(TARGETS),--targets $(TARGETS))

.PHONY: core-matrix
core-matrix: setup ## The demo under each ansible-core from 2.18 to 2.22, with secrets looked for (25 minutes; VERSIONS="2.18 2.22" for some)
	@python tests/core/core_matrix.py --document $(if $(VERSIONS),--versions $(VERSIONS))

.PHONY: core-ends
core-ends: setup ## The scenario single and the search for secrets under the oldest and the newest ansible-core that run here, apart from that of .venv (VERSIONS=2.18 for one)
	@$(say) "ansible-core $(or $(VERSIONS),of the oldest and the newest version that run here)"
	@python tests/core/core_matrix.py $(if $(VERSIONS),--versions $(VERSIONS),--ends) --lab single --no-unit-tests

.PHONY: kubespray-matrix
kubespray-matrix: setup ## Three releases of Kubespray on each Python that they support, installed offline (KUBESPRAY=FOLDER has checkouts; RELEASES=… for some)
	@python tests/kubespray/kubespray_matrix.py --document $(if $(KUBESPRAY),--checkouts $(KUBESPRAY)) $(if $(RELEASES),--releases $(RELEASES))

.PHONY: build
build: setup ## Build the collection into build/, and ask galaxy-importer
	@$(say) "Building the collection"
	@mkdir -p build && rm -f build/*.tar.gz
	@ansible-galaxy collection build --force --output-path build
	@$(say) "galaxy-importer"
	@# Its ansible-lint only warns, and is not as strict as that of the target lint.
	@cd build && GALAXY_IMPORTER_RUN_ANSIBLE_LINT=no python -m galaxy_importer.main --print-result *.tar.gz > importer.json || { cat importer.json; exit 1; }

.PHONY: docs
docs: setup ## Build the reference of modules, plugins and roles into build/docs (HTML; a warning is an error)
	@$(say) "antsibull-docs and Sphinx"
	@rm -rf build/docs build/reference && mkdir -p build/reference && chmod 700 build/reference
	@antsibull-docs --config-file docs/reference/antsibull-docs.cfg collection --use-current --squash-hierarchy --fail-on-error \
	  --dest-dir build/reference airgap.python
	@sphinx-build -q -b html -c docs/reference --fail-on-warning --keep-going build/reference build/docs
	@pytest tests/docs
	@echo "Open build/docs/index.html in a browser."

.PHONY: ee
ee: setup ## Build an execution environment from Debian with ansible-builder and podman, and run the collection in it (minutes; not part of test)
	@bash tests/ee/build.sh

# The scenarios of `make test`, which plays single by core-ends; molecule-all plays the long ones, too.
SCENARIOS ?= --scenario-name default --scenario-name media

.PHONY: molecule
molecule: setup ## The short molecule scenarios, on the lab (which is created for them, and removed)
	@$(say) "molecule"
	@mkdir -p .cache; rc=0; molecule test $(SCENARIOS) 2>&1 | tee .cache/molecule.log || rc=$$?; \
	if [ $$rc != 0 ]; then $(say) "What failed (all of it: .cache/molecule.log)"; \
	  $(failures) .cache/molecule.log; fi; exit $$rc

.PHONY: molecule-all
molecule-all: ## All molecule scenarios
	@$(MAKE) molecule SCENARIOS=--all

.PHONY: bench
bench: setup ## Measure staging against the way of the usual guides, and publishing against raw POSTs (minutes; not part of test)
	@$(say) "Measuring"
	@PYTHONPATH=.collections:. python tests/bench/bench.py
	@$(MAKE) bench-publish

.PHONY: bench-publish
bench-publish: setup ## Measure publishing to devpi-server against raw POSTs of the same files (a minute; WHEELS=FOLDER for others)
	@$(say) "Measuring how a bundle is published"
	@PYTHONPATH=.collections:. python tests/bench/publish.py $(if $(WHEELS),--wheels $(WHEELS))
	@PYTHONPATH=.collections:. python tests/bench/publish.py --small 3000 --rounds 1

.PHONY: mirror-costs
mirror-costs: setup ## Measure what a mirror of bandersnatch costs next to a bundle for the sets of the lab, with real packages (minutes)
	@PYTHONPATH=.collections:. python tests/bench/mirror_costs.py

.PHONY: figures
figures: setup ## Measure what crosses, how long a check takes, what packing gains (a minute; WHEELS=FOLDER for real ones)
	@PYTHONPATH=.collections:. python tests/bench/figures.py $(if $(WHEELS),--wheels $(WHEELS))

.PHONY: throughput
throughput: setup ## Measure a transfer through the lab's bastion against one raw stream (the lab must be up: make lab)
	@PYTHONPATH=.collections:. python tests/bench/throughput.py

.PHONY: requests
requests: setup ## Measure requests per second with and without the front (needs wrk; two minutes)
	@PYTHONPATH=.collections:. python tests/bench/requests_per_second.py

.PHONY: ready
ready: setup ## Measure how soon devpi-server answers, and its memory, empty and with 362 wheels (half a minute)
	@PYTHONPATH=.collections:. python tests/bench/ready.py

.PHONY: clients
clients: setup ## Install with 20 real pips at a time, five rounds, from the index of the lab (the lab must have been played: make demo)
	@$(say) "Installing with 20 pips at a time"
	@python tests/bench/clients.py

.PHONY: calls
calls: setup ## Count the calls and seconds of index.yml on the lab when nothing is left to change (the lab must have been played: make demo)
	@python tests/bench/calls.py $(PLAYBOOKS) $(if $(CHECKOUT),--checkout $(CHECKOUT))

.PHONY: scale
scale: setup ## Play nodes.yml on 1, 10, 50 and 100 light hosts of the lab, which must have been played: make demo (COUNTS="1 10" for some, SCALE="--sets=base --installed" for one set, and for second runs only)
	@$(say) "Playing nodes.yml on many hosts"
	@python tests/bench/scale.py $(SCALE) $(COUNTS)

.PHONY: clean
clean: ## Remove the lab with its cached images, .venv and what was built
	@if [ -x .venv/bin/ansible-playbook ]; then $(MAKE) lab-down; fi
	@if command -v podman > /dev/null; then \
	  podman images --quiet --filter 'reference=localhost/airgap-*' | sort -u | xargs --no-run-if-empty podman rmi --force > /dev/null; \
	fi
	@rm -rf .venv .lab .cache .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache build tests/output /var/tmp/airgap-lab
