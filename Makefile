# The commands of this tree; CMakePresets.json and tools/ do the work. Everything sets itself up on Debian 12.
.DEFAULT_GOAL := help
.PHONY: help build test quick demo soak soak-asan bench bench-office bench-line bench-sim bench-compare bench-upload demo-upload mutants fuzz check format clean packages package dist release-check
MAKEFLAGS += --no-print-directory

help:
	@echo 'make demo    build, then an office of three hosts: a kill, a resume, the file from neighbours, a new edition, a bad verdict'
	@echo 'make demo-upload  client, inbox and application of an upload, each killed at the worst moment: one delivery'
	@echo 'make test    build and run all tests'
	@echo 'make quick   build and run the unit tests of what changed, without slow ones: a minute'
	@echo 'make build   optimised larderd, larder and larder-inbox in build/release/bin/'
	@echo 'make package Debian packages in dist/: larder, larder-inbox, python3-larder, larder-doc'
	@echo 'make dist    the sources as an archive in dist/'
	@echo 'make release-check  two builds with the same bytes, lintian, piuparts, an upgrade; PREVIOUS=FILE.deb'
	@echo 'make soak    hundreds of seeded fault and office runs; RUNS=N for N of each scenario'
	@echo 'make soak-asan  members that lie, under AddressSanitizer: RUNS=10 times ten seeds of each lie'
	@echo 'make bench   against curl, cp and a bare libtorrent, printed as ratios'
	@echo 'make bench-office  twelve hosts want one file at once: larder beside curl, aria2 and squid; OPTIONS="--hosts 4 --size 16"'
	@echo 'make bench-line  one file over lines of 5 to 100 ms and with loss: alone, in a group and in a crowd, beside curl (15 minutes); OPTIONS="--rtt 25 --size 8"'
	@echo 'make bench-sim  one to 5,000 simulated hosts want one file at once: origin copies, times, datagrams (5 minutes)'
	@echo 'make bench-upload  larder put and larder-inbox beside curl into nginx and tus-js-client into @tus/server (15 minutes); OPTIONS="--only large"'
	@echo 'make bench-compare OLD=DIR  the larderd and larder in DIR beside those of this tree: is any of it slower'
	@echo 'make mutants the rules with one comparison, constant or row changed: which change does no test notice (two hours); OPTIONS="--only plan.cpp"'
	@echo 'make fuzz    libFuzzer on every parser, SECONDS=30 each'
	@echo 'make check   formatting, lints and clang-tidy'
	@echo 'make format  formats all sources'
	@echo 'make clean   removes build/ and dist/'
	@echo 'JOBS=N (default 2) limits parallel compiling.'

packages:
	@tools/install_packages.sh build

build: packages
	@tools/build.sh release larderd larder larder-inbox larder_cache_check

test: packages
	@tools/build.sh release
	@ctest --preset release -j 2

quick: packages
	@tools/quick.py

package:
	@tools/install_packages.sh build package
	@tools/package.sh

dist:
	@tools/dist.sh

release-check:
	@tools/release_check.sh $(PREVIOUS)

demo: build
	@tools/demo.py

demo-upload: build
	@tools/demo_upload.py

soak: packages
	@tools/build.sh release
	@python3 tests/fault/soak.py $(if $(RUNS),--runs $(RUNS)) --write docs/soak.md

soak-asan: packages
	@tools/build.sh asan larderd larder larder_evil_peer larder_cache_check
	@python3 tests/fault/soak.py --only poison_series $(if $(RUNS),--runs $(RUNS)) --jobs 2 --bin-dir build/asan/bin \
	  --write docs/soak.md --section "Under AddressSanitizer"

bench: packages
	@tools/build.sh release
	@python3 tests/bench/bench.py --write docs/benchmarks.md

bench-office:
	@tools/install_packages.sh build
	@tools/install_packages.sh bench || echo 'What is not installed is left out of the table.'
	@tools/build.sh release larderd larder
	@python3 tests/bench/crowd_bench.py $(OPTIONS) --write docs/benchmarks.md

bench-line: packages
	@tools/build.sh release larderd larder larder_line_relay
	@python3 tests/bench/line_bench.py $(OPTIONS) --write docs/benchmarks.md

bench-sim: packages
	@tools/build.sh release larder_crowd_sim
	@python3 tests/bench/sim_bench.py --write docs/benchmarks.md

bench-upload: packages
	@tools/build.sh release larderd larder larder-inbox larder_line_relay
	@python3 tests/bench/upload.py $(OPTIONS) --write docs/benchmarks.md

bench-compare: build
	@test -n '$(OLD)' || { echo 'make bench-compare OLD=DIR: DIR holds the larderd and larder to compare with' >&2; exit 2; }
	@python3 tests/bench/compare.py '$(OLD)' build/release/bin $(if $(ROUNDS),--rounds $(ROUNDS)) --write docs/benchmarks.md

mutants: packages
	@python3 tools/mutants.py --results build/mutants.json --write docs/mutants.md $(OPTIONS)

fuzz:
	@tools/install_packages.sh build check
	@tools/fuzz.sh $(SECONDS)

check:
	@tools/install_packages.sh build check
	@tools/check_format.sh
	@python3 tests/unit/include_direction.py
	@tools/tidy.sh

format:
	@tools/check_format.sh --fix

clean:
	rm -rf build dist
