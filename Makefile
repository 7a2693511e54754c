# The only way in: people and CI call these targets and nothing else.
PYTHON ?= python3
BIN := .venv/bin
.PHONY: run test coverage check types lint audit sbom chaos load soak nightly pictures messages lock clean help

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/installed  ## Run all of Rolebridge on this machine: portal, worker, beat, PostgreSQL, Valkey, sandbox
	@exec $(BIN)/python -m portal.local

test: .venv/installed  ## Run every test but those marked nightly (Chromium, pgbouncer, promtool, curl, jq, nginx, sslscan: as root on Debian they are installed)
	@./scripts/ensure_chromium
	@./scripts/ensure_pgbouncer
	@./scripts/ensure_promtool
	@./scripts/ensure_curl_and_jq
	@./scripts/ensure_nginx_and_sslscan
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not nightly" $(ARGS)

coverage: .venv/installed  ## The tests again, slower, with what they do not reach
	$(BIN)/python -m pytest -n 2 -m "not nightly" --cov --cov-report=term:skip-covered

check: .venv/installed  ## Lint, types, layers, templates, migrations, deployment settings
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types lint

types: .venv/installed
	ROLEBRIDGE_MODE=test $(BIN)/mypy portal tenants integrations tests

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/djlint --check --lint --quiet templates
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive portal tenants integrations scripts
	$(BIN)/python -m scripts.check_settings
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck deploy/*.sh deploy/*/*.sh
	./scripts/check_compose

audit: .venv/installed  ## Known faults in what we depend on (asks the network; without one it fails and proves nothing)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement requirements.txt

sbom: .venv/installed  ## What an installation is made of, in CycloneDX, on standard output
	@$(BIN)/python -m scripts.sbom

chaos: .venv/installed  ## Kill everything at random for 4 minutes while verifications run; nothing may be lost (it ends within 10 minutes)
	$(BIN)/python benchmarks/chaos.py $(ARGS)

load: .venv/installed  ## 200 customers at once for 5 minutes, then ten times as many: too much is told to come again
	$(BIN)/python benchmarks/load.py $(ARGS)

soak: .venv/installed  ## Mixed load for 30 minutes: memory, file handles and connections must not grow
	$(BIN)/python benchmarks/soak.py $(ARGS)

nightly: .venv/installed  ## What takes too long for CI: what is marked nightly, tests with many examples, and two tenants hammered for a minute
	@./scripts/ensure_pgbouncer
	$(BIN)/python -m pytest -n 2 -m nightly --timeout 7200
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n 2 tests/integrations/sandbox/test_evaluator_properties.py \
		tests/integrations/role_templates tests/integrations/aws/test_arns.py tests/tenants/test_pooler.py \
		tests/integrations/aws/test_policy_parsers.py tests/integrations/test_catalogue_yaml.py \
		tests/portal/test_hostile_forms.py tests/integrations/api/test_schemathesis.py --timeout 7200

pictures: .venv/installed  ## Play the main job in Chromium, and bring its pictures to the README
	@./scripts/ensure_chromium
	$(BIN)/python -m pytest tests/functional/test_main_job.py -k from_sign_up_to_connected
	cp test-artifacts/screenshots/readme/*.png docs/images/

messages: .venv/installed  ## Write locale/LOCALE/LC_MESSAGES/django.po anew, with every text to translate: make messages LOCALE=de (needs gettext)
	@mkdir -p locale
	ROLEBRIDGE_MODE=test $(BIN)/python manage.py makemessages --locale $(LOCALE) --no-location --ignore ".venv*" \
		--ignore "tests/*" --ignore "benchmarks/*" --ignore "deploy/*"

lock: .venv/installed  ## Write requirements*.txt anew from requirements*.in
	@for name in requirements requirements-dev requirements-bootstrap; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-header --no-annotate $$name.in -o $$name.txt; \
	done

clean:  ## Remove the data of `make run`
	rm -rf .local

# The stamp is newer than the lists, or everything is installed anew.
.venv/installed: requirements-bootstrap.txt requirements-dev.txt
	@echo "Installing into .venv …"
	@$(PYTHON) -c 'import sys; sys.exit("Rolebridge needs Python 3.11 or newer.") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@
