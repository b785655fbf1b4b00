# SPDX-License-Identifier: GPL-2.0-only
#
# Programs, library and tests; everything is built below build/. Kbuild says what the module
# is made of, vm/kernels.mk builds it for each kernel, bench/bench.mk runs the benchmarks,
# packaging/install.mk installs.
#
#   CC=clang  another compiler for programs and library
#
# A program finds the contract as <linux/karena.h>, as it will once installed:
# build/include/linux/karena.h links to uapi/karena.h. <karena.h> is the
# library's header, userlib/karena.h.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

ifneq ($(or $(findstring :,$(CURDIR)),$(word 2,$(CURDIR))),)
$(error "$(CURDIR)": karena cannot be built in a directory whose path has spaces or colons)
endif

CFLAGS ?= -O2 -g
CXXFLAGS ?= $(CFLAGS)
warnings := -Wall -Wextra
includes := -Ibuild/include -Iuserlib
c_flags = -std=gnu99 $(warnings) $(includes) $(CPPFLAGS) $(CFLAGS)
cxx_flags = -std=c++11 $(warnings) $(includes) $(CXXFLAGS)
depend := -MMD -MP
test_flags := -Itests/lib -isystem build/kselftest
host_flags := -fsanitize=address,undefined -fno-sanitize-recover=all
# Fences are none that it follows, and all that is ordered by one is atomic.
tsan_flags := -fsanitize=thread -Wno-tsan
fuzz_flags := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

# Each source file in these directories is one program.
bin_src := $(wildcard bench/*.c examples/*.c docs/man/examples/*.c)
test_src := $(wildcard tests/*.c)
host_src := $(wildcard tests/host/*.c tests/host/*.cc)
# What programs share: each variant of them has an archive of its own, those of the host
# only with what needs no kernel.
test_lib_src := $(wildcard tests/lib/*.c)
host_lib_src := $(addprefix tests/lib/,tool_util.c vmr_contest.c vmr_hole.c vmr_model.c vmr_util.c)
# What has threads is built for the thread sanitizer too.
tsan_src := $(addprefix tests/host/,record.c record_shared_threads.c vmr_fork.c vmr_hole.c \
	vmr_model.c)
# What pins the layout is run as a 32-bit program too, and the library where the size of
# an address, a length or a file offset matters.
test32_src := $(wildcard tests/abi_*.c) $(addprefix tests/,library.c library_dynptr.c \
	library_errormsg.c library_forged.c library_fork.c library_pages.c library_produce.c \
	library_ring.c library_walk.c vmr.c)
# What libFuzzer feeds.
fuzz_src := $(wildcard tests/fuzz/*.c)
# What wants a machine of its own kind.
dax_src := $(wildcard tests/dax/*.c)

lib_obj := $(patsubst %.c,build/%.o,$(wildcard userlib/*.c))
bins := $(patsubst %.c,build/bin/%,$(notdir $(bin_src))) build/bin/index build/bin/karenactl \
	build/bin/karenactl.8
tests := $(patsubst tests/%.c,build/tests/%,$(test_src)) \
	$(patsubst tests/%.c,build/tests/%_32,$(test32_src))
dax := $(patsubst tests/%.c,build/%,$(dax_src))
fuzzers := $(patsubst tests/%.c,build/%,$(fuzz_src))
hosts := $(patsubst tests/host/%,build/host/%,$(basename $(host_src))) \
	$(patsubst tests/host/%.c,build/host/%_tsan,$(tsan_src))

# What is made of headers, for programs.
headers := build/include/linux/karena.h build/include/karena_version.h

all: stock lib man build/karenactl bin ## module, library, manual and programs (the default)

include vm/kernels.mk packaging/install.mk
# Not in the tree that the programs for arm64 are built from.
-include bench/bench.mk

lib: build/libkarena.a build/libkarena.so.1
man: build/man/libkarena.3
bin: $(bins)
tests: $(tests)

build/include/linux/karena.h: uapi/karena.h
	@mkdir -p $(@D)
	ln -sf $(CURDIR)/$< $@

version := $(shell cat VERSION)
version_parts := $(subst ., ,$(version))
build/include/karena_version.h: userlib/karena_version.h.in VERSION
	@mkdir -p $(@D)
	sed -e 's/@major@/$(word 1,$(version_parts))/; s/@minor@/$(word 2,$(version_parts))/' \
		-e 's/@patch@/$(word 3,$(version_parts))/' $< >$@

build/kselftest/kselftest_harness.h: tests/harness
	tests/harness $$(vm/kernel source) $(@D)

build/userlib/%.o: userlib/%.c | $(headers)
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) -fPIC -c -o $@ $<

build/userlib32/%.o: userlib/%.c | build/include/linux/karena.h
	@mkdir -p $(@D)
	$(CC) -m32 $(c_flags) $(depend) -c -o $@ $<

build/libkarena.a: $(lib_obj)
build/libkarena32.a: $(patsubst build/userlib/%,build/userlib32/%,$(lib_obj))
test_libs := $(patsubst %,build/%/lib.a,tests tests32 host host_tsan)
build/libkarena.a build/libkarena32.a $(test_libs):
	rm -f $@
	$(AR) rcs $@ $^

build/libkarena.so.1: $(lib_obj) userlib/libkarena.map
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,-z,defs \
		-Wl,--version-script,userlib/libkarena.map -o $@ $(lib_obj)
	ln -sf $(@F) build/libkarena.so

# Its page and those of groups of calls say what the headers do.
man_headers := $(addprefix userlib/karena,.h _dynptr.h _uring.h _uring_consumer.h)
man_pages := $(wildcard docs/man/*.[0-9])
build/man/libkarena.3: docs/man/from-headers $(wildcard docs/man/* docs/man/examples/*) \
		examples/first.c $(man_headers) uapi/karena.h userlib/libkarena.map CHANGELOG.md
	@rm -rf $(@D) && mkdir -p $(@D)/links
	awk -v out=$(@D) -v date="$$(sed -n 's/^## .*(\(.*\))$$/\1/p' CHANGELOG.md | head -n 1)" \
		-f docs/man/example -f $< $(man_headers)
	awk -v out=$(@D) -v date="$$(sed -n 's/^## .*(\(.*\))$$/\1/p' CHANGELOG.md | head -n 1)" \
		-v single=karena_ioctl -f docs/man/example -f $< uapi/karena.h
	sed -n 's/^\t\t\(karena_vmr_.*\|karena_strerror\);$$/\1/p' userlib/libkarena.map | \
		while read -r name; do echo '.so man3/karena_vmr.3' >$(@D)/links/$$name.3; done
	for page in $(man_pages); do \
		awk -f docs/man/example -f docs/man/with-examples $$page >$(@D)/$${page##*/}; done

vpath %.c bench examples docs/man/examples
build/bin/%: %.c build/libkarena.a | $(headers)
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) -MF $@.d -pthread -static -o $@ $< build/libkarena.a -luring

# The lines of a page are a script, as they stand there.
build/bin/%: docs/man/examples/%.sh
	@mkdir -p $(@D)
	{ echo '#!/bin/sh' && cat $<; } >$@
	chmod +x $@

# Programs of several files.
build/bin/index: $(wildcard examples/index/*.[ch])
build/bin/karenactl: $(wildcard tools/karenactl/*.[ch])
build/bin/index build/bin/karenactl: build/libkarena.a | $(headers)
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) -pthread -static -o $@ $(filter %.c,$^) build/libkarena.a -luring

# Programs that boot in a VM, and tests/lib for them.
build/tests/%.o: tests/%.c | $(headers) build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) $(test_flags) -pthread -c -o $@ $<

build/tests32/%.o: tests/%.c | $(headers) build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) -m32 $(c_flags) $(depend) $(test_flags) -pthread -c -o $@ $<

build/tests/lib.a: $(test_lib_src:%.c=build/%.o)
build/tests32/lib.a: $(test_lib_src:tests/%.c=build/tests32/%.o)
build/host/lib.a: $(host_lib_src:tests/%.c=build/host/%.o)
build/host_tsan/lib.a: $(host_lib_src:tests/%.c=build/host_tsan/%.o)

build/tests/%: build/tests/%.o build/tests/lib.a build/libkarena.a
	$(CC) $(CFLAGS) -pthread -static -o $@ $(filter %.o %.a,$^) -luring

build/tests/%_32: build/tests32/%.o build/tests32/lib.a build/libkarena32.a
	$(CC) -m32 $(CFLAGS) -pthread -static -o $@ $(filter %.o %.a,$^)

build/dax/%: tests/dax/%.c build/tests/lib.a build/libkarena.a | $(headers)
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) $(test_flags) -pthread -static -o $@ $< $(filter %.a,$^)

build/host/lib/%.o: tests/lib/%.c | $(headers) build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) $(host_flags) $(test_flags) -include tests/host/raw_maps.h \
		-pthread -c -o $@ $<

build/host_tsan/lib/%.o: tests/lib/%.c | $(headers) build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) $(tsan_flags) $(test_flags) -include tests/host/raw_maps.h \
		-pthread -c -o $@ $<

build/host/%: tests/host/%.c build/host/lib.a build/libkarena.a \
		| $(headers) build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) $(host_flags) $(test_flags) -pthread -o $@ $< $(filter %.a,$^)

build/host/%_tsan: tests/host/%.c build/host_tsan/lib.a build/libkarena.a \
		| $(headers) build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) $(tsan_flags) $(test_flags) -pthread -o $@ $< $(filter %.a,$^)

build/host/karenactl: | build/bin/karenactl

build/fuzz/%: tests/fuzz/%.c build/libkarena.a | $(headers)
	@mkdir -p $(@D)
	clang $(c_flags) $(depend) $(fuzz_flags) -o $@ $< build/libkarena.a

build/host/%: tests/host/%.cc build/libkarena.a | $(headers)
	@mkdir -p $(@D)
	$(CXX) $(cxx_flags) $(depend) $(host_flags) -pthread -o $@ $< build/libkarena.a

# Says in a line what the compiler would in many.
build/liburing:
	@mkdir -p $(@D)
	@echo '#include <liburing.h>' | $(CC) $(CPPFLAGS) $(CFLAGS) -E -o $@ - 2>/dev/null || { \
		echo 'karena: no <liburing.h>: install liburing-dev, 2.3 or later' >&2; exit 1; }

$(bins) $(tests): | build/liburing
-include $(wildcard build/*/*.d build/*/lib/*.d)

# The inner loop: repeated and random tests take a fifth of their rounds.
quick: ## build, host tests, VM tests on the stock kernel
	SCALE=0.2 vm/stages build "vm-stock host"

# Side by side once everything is built, the longest first.
vm_emulated := arm64-16k arm64
vm_others := debug-newest 6.12 stock-rt rt
side_by_side := vm-debug lint vm-stock vm-newest kunit install-tests models host fuzz-brief \
	vm-python vm-dax vm-plain demo
check: ## every test
	vm/stages kernels build modules "$(side_by_side)" lines

check-all: ## every test, on every kernel
	vm/setup check-all
	vm/stages all-kernels build modules flavours debug-newest cross programs-arm64 \
		"$(addprefix vm-,$(vm_emulated)) check-install ports $(side_by_side) \
		$(addprefix vm-,$(vm_others))" lines

check-install: ## the packages, in a Debian 12 and a Debian 13 with systemd
	vm/setup install
	packaging/deb build/deb-bookworm
	vm/debian13 deb
	vm/count $@ vm/check-install

# Module and library for machines of which there is none here: they compile and link.
cross: build/arm64/karena.ko build/arm64/libkarena.so.1 build/i386/libkarena.so.1 build/musl/libkarena.so.1 ## for arm64, for 32-bit programs and for musl

cross_arm64 = $(within_arm64) env -C $(CURDIR) aarch64-linux-gnu-gcc-14
cross_i386 = $(CC) -m32
# Linux's headers, beside which there are those of another C library.
cross_musl = musl-gcc -idirafter build/musl/include
build/musl/include: FORCE
	@mkdir -p $@
	@ln -sfn /usr/include/linux /usr/include/asm-generic /usr/include/$$($(CC) -dumpmachine)/asm $@
build/musl/libkarena.so.1: | build/musl/include
build/arm64/libkarena.so.1 build/i386/libkarena.so.1 build/musl/libkarena.so.1: build/%/libkarena.so.1: \
		$(wildcard userlib/*) $(headers)
	@mkdir -p $(@D)
	$(cross_$*) $(c_flags) -Werror -fPIC -shared -Wl,-z,defs \
		-Wl,--version-script,userlib/libkarena.map -o $@ $(filter %.c,$^)

host: $(hosts) lib ## tests that need no kernel
	vm/count host vm/host-suite $(hosts) vm/selftest-stages vm/selftest-chroot \
		tests/python/layout

models: ## all states of the waking protocol and its mutants; mutants of shared rings' core
	vm/count models tests/proofs/spin
	vm/count shared_mutants tests/proofs/shared_mutants

proofs: models ## models, a litmus test for each barrier, the arithmetic of positions
	vm/count litmus tests/proofs/herd
	vm/count positions tests/proofs/cbmc
	vm/count shared_bounds tests/proofs/cbmc_shared

# make fuzz FUZZ_SECONDS=36000
FUZZ_SECONDS ?= 3600
fuzz: $(fuzzers) ## random input to the record core and the consumer, for FUZZ_SECONDS
	vm/count $@ tests/fuzz/run $(FUZZ_SECONDS) $^

fuzz-brief: $(fuzzers)
	vm/count $@ tests/fuzz/run 20 $^

# Other kernels are tested for what differs, with fewer rounds.
$(addprefix vm-,newest $(vm_others) $(vm_emulated)): export SCALE ?= 0.2
$(addprefix vm-,$(vm_emulated)): programs-arm64
$(addprefix vm-,stock debug newest $(vm_others) $(vm_emulated)): vm-%: % bin tests
	vm/count $@ vm/suite $*

# The programs of "bin" and "tests", built from a tree of links; benchmarks are for x86.
linked := build/programs-arm64/linked
$(linked): $(wildcard Makefile $(foreach d,uapi userlib include tests examples tools docs,$d/* $d/*/*)) \
		build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)/build
	@cp -rsf $(addprefix $(CURDIR)/,$(filter-out bench build,$(wildcard *))) $(@D)
	@cp -rsf $(CURDIR)/build/kselftest $(@D)/build
	@find $(@D) -xtype l -delete
	@touch $@
programs-arm64: $(linked)
	$(within_arm64) $(MAKE) -C $(CURDIR)/build/$@ KDIR=none test32_src= \
		CC=aarch64-linux-gnu-gcc-14 AR=aarch64-linux-gnu-ar CFLAGS='-O2 -s' bin tests

vm-dax: $(dax) ## files on persistent memory, on the stock kernel
	vm/count $@ vm/dax $<

vm-python: stock lib ## the module for Python, on the stock kernel
	vm/count $@ vm/python

ports: stock build/libkarena.a $(headers) ## ports of other libraries, and the example in Rust
	vm/count $@ vm/ports

# Kernels that look for errors take more memory for each object than is charged.
vm-plain: stock build/tests/object_cost ## what objects cost, on the stock kernel as it is shipped
	vm/count $@ vm/run --plain --no-load --log build/vm/plain.log -- suite /tests/object_cost

# What repeats itself or draws at random, as long as one cares to wait.
soaked := $(patsubst tests/%.c,%,$(shell grep -lw scaled tests/*.c))
soak: export SCALE ?= 100
soak: stock bin tests ## the tests that repeat, with SCALE (100) times as many rounds
	vm/count $@ sh -c 'status=0; for test; do vm/suite stock $$test || status=1; done; \
		exit $$status' sh $(soaked)

# What the suites must reach to the last line.
cores := ranges.c record.c

kunit: debug ## KUnit on the debug kernel
	vm/count kunit vm/kunit
	vm/coverage kunit 100 $(cores)

selftest: stock debug build/faulty-stock/faulty.ko build/faulty-debug/faulty.ko ## whether a VM run fails when it must
	vm/count selftest vm/selftest

vm: all ## a shell in a VM with the module loaded
	vm/run --interactive -- sh -l

demo: all ## boot a VM in which four processes index the kernel's headers
	sh examples/demo.sh

coverage: kunit vm-debug ## which lines of the module the tests reach
	$(MAKE) --no-print-directory lines

# The table alone, from the counts of the last runs.
lines:
	vm/coverage "kunit suite" 90

# Gives way to machines that are emulated beside it, whose tests run out of time
# where they starve.
lint: ## checkpatch, sparse, warnings of gcc and clang, cppcheck, shellcheck
	C_FLAGS='$(c_flags)' vm/count lint nice vm/lint

build: all tests $(dax) $(hosts) $(fuzzers)

clean: ## remove what was built, not the cached kernels
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z][a-z_ -]*\):.*## \(.*\)/\1|\2/p' Makefile */*.mk | \
		awk -F '|' '{ printf "%-24s %s\n", $$1, $$2 }'

.PHONY: all cross lib man bin tests quick check check-all check-install models proofs host fuzz \
	fuzz-brief ports vm-python vm-dax vm-plain kunit selftest soak vm demo coverage lint lines build programs-arm64 \
	clean help $(addprefix vm-,stock debug newest $(vm_others) $(vm_emulated))
