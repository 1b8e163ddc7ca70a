# For people who work on gentoo-bb itself. `make` lists what there is.

.DEFAULT_GOAL := help
SHELL := /bin/bash

.PHONY: help install build static mirror engine engine-stop demo catalogue test bench fuzz clean

help:             ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 21

build:            ## compile bb to target/debug/bb
	@cargo build

static:           ## bb for any Linux, with its C library in it: target/static/bb
	@scripts/static.sh

PREFIX ?= /usr/local

install:          ## bb, its manual and completions below PREFIX (and DESTDIR)
	@cargo build --release --locked
	@install -Dm755 target/release/bb '$(DESTDIR)$(PREFIX)/bin/bb'
	@target/release/bb man '$(DESTDIR)$(PREFIX)/share/man/man1'
	@set -e; put() { mkdir -p "$$2" && target/release/bb completions "$$1" >"$$2/$$3"; }; \
	share='$(DESTDIR)$(PREFIX)/share'; \
	put bash "$$share/bash-completion/completions" bb; \
	put zsh "$$share/zsh/site-functions" _bb; \
	put fish "$$share/fish/vendor_completions.d" bb.fish

mirror:           ## a small Gentoo mirror for the demo and the tests, outside the checkout
	@bash tests/mirror/build.sh

engine:           ## find a container engine, or start a private one
	@scripts/engine.sh start

engine-stop:      ## stop the private engine; images and volumes stay
	@scripts/engine.sh stop

demo:             ## build five images of bb-dock/, fetch a page from nginx
	@scripts/demo.sh

catalogue:        ## build and test all images of bb-dock/, and write doc/catalogue.md
	@scripts/demo.sh catalogue

test:             ## formatting, lints, unit and integration tests
	@scripts/test.sh

bench:            ## what doing nothing, verifying, assembling and boxes cost
	@cargo bench --bench scale
	@cargo bench --bench verify
	@scripts/engine.sh start && eval "$$(scripts/engine.sh env)" && export DOCKER_HOST && \
	cargo bench --bench assemble && cargo bench --bench boxes && \
	bash tests/mirror/build.sh && cargo bench --bench gentoo

fuzz:             ## ten minutes of strange input for each parser of what others have written
	@scripts/fuzz.sh

clean:            ## remove target/, .demo/ and .bb/ (not the engine, not the mirror)
	@rm -rf -- target .demo .bb

# The images of bb-dock/, step by step, as in any pipeline that includes ours: `make bb-help`.
ifneq ($(filter bb-%,$(MAKECMDGOALS)),)
BB ?= target/debug/bb
include Makefile.generated
endif
