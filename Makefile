# Ringmaster: bring the example platform up on this machine, and test everything. 'make help' lists the targets.
LAB ?= ringmaster-lab
PLATFORM ?= example/platform
VM ?= myapp00
AS ?= bob
CMD ?=
ONLY ?=
RESUME ?=
PASSWORD ?=
CHOICE = $(foreach word,$(ONLY),--only $(word)) $(if $(RESUME),--resume)
LABTOOL = .venv/bin/python bin/lab --lab $(LAB) --platform $(PLATFORM)

.DEFAULT_GOAL := help
.PHONY: help ready tools up open status ssh ringctl down clean check test drill bench generate docs pictures lock

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

ready: ## install what is missing (Debian packages, Python environment)
	@bin/bootstrap

tools:
	@bin/bootstrap test

up: ready ## bring the example platform up, with a real VM
	@$(LABTOOL) up

open: ready ## print the links to the lab's pages again (PASSWORD=new: with a new password for operators)
	@$(LABTOOL) open $(if $(filter new,$(PASSWORD)),--new-password)

status: ready ## show the VMs with their checks
	@$(LABTOOL) status

ssh: ready ## log in: make ssh VM=myapp00 AS=bob [CMD="..."]
	@$(LABTOOL) ssh $(VM) $(AS) "$(CMD)"

ringctl: ready ## ask for a change: make ringctl AS=alice CMD="order-vm --project myapp --wait"
	@$(LABTOOL) ringctl $(AS) "$(CMD)"

down: ready ## remove every process, mount, namespace and link of the lab; keep caches
	@$(LABTOOL) down

clean: ready ## take the lab down and remove caches and keys
	@$(LABTOOL) clean

check: tools ## gates that need no machine (two minutes at most)
	@tests/run check $(CHOICE)

test: tools ## gates, role scenarios and the end-to-end test (45 minutes at most)
	@tests/run test $(CHOICE)

drill: tools ## what takes longer; of each set of tests: ONLY="redis move" runs some, RESUME=1 what has not passed
	@tests/run drill $(CHOICE)

bench: tools ## measure; asserts nothing
	@tests/run bench $(CHOICE)

generate: ready ## write every page, table and file that comes from the code
	@bin/generate

docs: tools ## build all documentation to HTML, in build/docs
	@PATH=$(CURDIR)/.venv/bin:$$PATH .venv/bin/python tests/gates/collection.py html

pictures: tools ## make the pictures of pages in docs/images; look at them before you commit them
	@PYTHONPATH=roles/machine/files/python:tests:tests/unit/ringmaster/status:docs/reference .venv/bin/python tests/pictures.py

lock: ready ## rewrite the lock files of Python packages from pyproject.toml
	@bin/lock
