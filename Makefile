# SPDX-License-Identifier: GPL-2.0-only
#
# Wraps: Kbuild says what the module is made of, vm/ boots it. Everything is
# built below build/; build/KERNEL/ holds the module for the kernel that
# "vm/kernel KERNEL" prints (stock, debug, 6.12, newest, rt and so on).
#
#   KDIR=DIR  build the stock module against these headers instead of the running
#             kernel's or, without those, the newest installed; KVER=RELEASE
#             against those of an installed kernel
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

KDIR ?= $(shell vm/kernel headers)

CFLAGS ?= -O2 -g
CXXFLAGS ?= $(CFLAGS)
warnings := -Wall -Wextra
includes := -Ibuild/include -Iuserlib
c_flags = -std=gnu99 $(warnings) $(includes) $(CPPFLAGS) $(CFLAGS)
cxx_flags = -std=c++11 $(warnings) $(includes) $(CXXFLAGS)
depend := -MMD -MP
host_flags := -fsanitize=address,undefined -fno-sanitize-recover=all
tsan_flags := -fsanitize=thread
fuzz_flags := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

# Each source file in these directories is one program.
bin_src := $(wildcard bench/*.c examples/*.c)
test_src := $(wildcard tests/*.c)
host_src := $(wildcard tests/host/*.c tests/host/*.cc)
# What has threads is built for the thread sanitizer too.
tsan_src := $(addprefix tests/host/,record.c vmr_fork.c vmr_hole.c vmr_model.c)
# What pins the layout is run as a 32-bit program too, and the library where the size of
# an address, a length or a file offset matters.
test32_src := $(wildcard tests/abi_*.c) $(addprefix tests/,library.c library_dynptr.c \
	library_forged.c library_produce.c library_ring.c vmr.c)
# What libFuzzer feeds.
fuzz_src := $(wildcard tests/fuzz/*.c)
# What wants a machine of its own kind.
dax_src := $(wildcard tests/dax/*.c)

lib_obj := $(patsubst %.c,build/%.o,$(wildcard userlib/*.c))
module_src := Kbuild VERSION $(wildcard kmod/* kunit/* uapi/* include/linux/*)
bins := $(patsubst %.c,build/bin/%,$(notdir $(bin_src))) build/bin/index build/bin/karenactl
tests := $(patsubst tests/%.c,build/tests/%,$(test_src)) \
	$(patsubst tests/%.c,build/tests/%_32,$(test32_src))
dax := $(patsubst tests/%.c,build/%,$(dax_src))
fuzzers := $(patsubst tests/%.c,build/%,$(fuzz_src))
hosts := $(patsubst tests/host/%,build/host/%,$(basename $(host_src))) \
	$(patsubst tests/host/%.c,build/host/%_tsan,$(tsan_src))

all: stock lib bin ## module, library and tools (the default)

# Kernels, by what builds the module for them. Of which release those of the last two
# are, the archive says.
built := debug debug-newest
of12 := stock-rt stock-cloud
of13 := 6.12 newest rt cloud 6.12-rt 6.12-cloud arm64 arm64-16k $(OTHERS)
stock $(built) $(of12) $(of13): %: build/%/karena.ko build/%/users.built

lib: build/libkarena.a build/libkarena.so.1
bin: $(bins)
tests: $(tests)

# A module is built by what its kernel was built by.
by_clang = $(if $(LLVM),,$(shell grep -s CONFIG_CC_IS_CLANG=y $(KDIR)/include/config/auto.conf))

# What each build of the module is made against and with; the last ones only serve
# vm/lint. Those of Debian 13 are made within it.
kernel_stock = $(KDIR)$(if $(by_clang), LLVM=1)
$(foreach k,$(built),$(eval kernel_$k = $$$$(vm/kernel $k)/build))
$(foreach k,$(of12),$(eval kernel_$k = $$$$(cat build/$k/kernel)/build))
$(foreach k,$(of13),$(eval within_$k = vm/debian13 run $$(CURDIR)) \
	$(eval kernel_$k = $$$$(readlink $$$$(cat build/$k/kernel)/build) \
		$(if $(findstring arm64,$k),,CC=gcc-14)))
kernel_sparse = $(kernel_debug) C=2
kernel_w1 = $(kernel_debug) W=1
kernel_clang = $$(vm/kernel clang)/build LLVM=1 W=1 KBUILD_MODPOST_WARN=1

# Kbuild writes beside its sources, so it is given a directory of links to them; what
# is to be installed comes without the suites.
build/%/karena.ko: $(module_src)
	@mkdir -p $(@D)
	@cp -rsf $(addprefix $(CURDIR)/,Kbuild VERSION kmod uapi include \
		$(if $(filter stock,$*),,kunit)) $(@D)
	@find $(@D) -xtype l -delete
	@cat $(@D)/headers 2>/dev/null || :
	$(within_$*) $(MAKE) -C $(kernel_$*) M=$(CURDIR)/$(@D) modules
	@touch $@

# The release that a name stands for may change; vm/run boots the one noted here.
$(patsubst %,build/%/karena.ko,$(of12) $(of13)): %/karena.ko: %/kernel
build/%/kernel: FORCE
	@mkdir -p $(@D)
	@kernel=$$(vm/kernel $*) && { echo $$kernel | cmp -s - $@ || echo $$kernel >$@; }
FORCE:

# Modules that use karena's calls, built as any such module is: with its header and
# its Module.symvers. Kbuild does not see when that changes: it reads it again where
# theirs is missing.
users := examples/driver tests/module bench/module
build/%/users.built: build/%/karena.ko $(wildcard $(foreach dir,$(users),$(dir)/Kbuild $(dir)/*.[ch]))
	@for dir in $(wildcard $(users)); do \
		mkdir -p $(@D)/$$dir && \
		ln -sf $(CURDIR)/$$dir/Kbuild $(CURDIR)/$$dir/*.[ch] $(@D)/$$dir && \
		find $(@D)/$$dir -xtype l -delete && rm -f $(@D)/$$dir/Module.symvers && \
		$(within_$*) $(MAKE) -C $(kernel_$*) M=$(CURDIR)/$(@D)/$$dir \
			KARENA=$(CURDIR)/$(@D) modules || exit 1; \
	done
	@touch $@

# What vm/selftest provokes the kernel with.
build/faulty-%/faulty.ko: $(wildcard vm/faulty/*)
	@mkdir -p $(@D)
	@cp -rsf $(addprefix $(CURDIR)/,$^) $(@D)
	$(MAKE) -C $(kernel_$*) M=$(CURDIR)/$(@D) modules
	@touch $@

# What is made of headers, for programs.
headers := build/include/linux/karena.h build/include/karena_version.h

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
build/libkarena.a build/libkarena32.a:
	rm -f $@
	$(AR) rcs $@ $^

build/libkarena.so.1: $(lib_obj) userlib/libkarena.map
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,-z,defs \
		-Wl,--version-script,userlib/libkarena.map -o $@ $(lib_obj)
	ln -sf $(@F) build/libkarena.so

vpath %.c bench examples
build/bin/%: %.c build/libkarena.a | $(headers)
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) -pthread -static -o $@ $< build/libkarena.a -luring

# Programs of several files.
build/bin/index: $(wildcard examples/index/*.[ch])
build/bin/karenactl: $(wildcard tools/karenactl/*.[ch])
build/bin/index build/bin/karenactl: build/libkarena.a | $(headers)
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) -pthread -static -o $@ $(filter %.c,$^) build/libkarena.a -luring

build/tests/%: tests/%.c build/libkarena.a | build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) -isystem build/kselftest -pthread -static -o $@ $< \
		build/libkarena.a -luring

build/dax/%: tests/dax/%.c build/libkarena.a | build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) -isystem build/kselftest -pthread -static -o $@ $< \
		build/libkarena.a

build/tests/%_32: tests/%.c build/libkarena32.a | build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) -m32 $(c_flags) $(depend) -isystem build/kselftest -pthread -static -o $@ $< \
		build/libkarena32.a

build/host/%: tests/host/%.c build/libkarena.a | build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) $(host_flags) -isystem build/kselftest -pthread -o $@ $< \
		build/libkarena.a

build/host/%_tsan: tests/host/%.c build/libkarena.a | build/kselftest/kselftest_harness.h
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) $(tsan_flags) -isystem build/kselftest -pthread -o $@ $< \
		build/libkarena.a

build/host/karenactl: | build/bin/karenactl

build/fuzz/%: tests/fuzz/%.c | $(headers)
	@mkdir -p $(@D)
	clang $(c_flags) $(depend) $(fuzz_flags) -o $@ $<

build/host/%: tests/host/%.cc build/libkarena.a | $(headers)
	@mkdir -p $(@D)
	$(CXX) $(cxx_flags) $(depend) $(host_flags) -pthread -o $@ $< build/libkarena.a

$(tests) $(dax) $(hosts) $(bins): $(headers)
-include $(wildcard build/*/*.d)

include packaging/install.mk

# The inner loop: repeated and random tests take a fifth of their rounds.
quick: ## build, host tests, VM tests on the stock kernel
	SCALE=0.2 vm/stages build "vm-stock host"

# Side by side once everything is built, the longest first.
vm_emulated := arm64-16k arm64
vm_others := debug-newest 6.12 stock-rt rt
side_by_side := vm-debug lint vm-stock vm-newest kunit install-tests models host fuzz-brief vm-dax demo
check: ## every test
	vm/stages kernels build modules "$(side_by_side)" lines

check-all: ## every test, on every kernel
	vm/setup check-all
	vm/stages all-kernels build modules flavours debug-newest cross programs-arm64 \
		"$(addprefix vm-,$(vm_emulated)) check-install $(side_by_side) \
		$(addprefix vm-,$(vm_others))" lines

check-install: ## the packages, in a Debian 12 and a Debian 13 with systemd
	vm/setup install
	$(MAKE) --no-print-directory deb
	vm/count $@ vm/check-install

# Module and library for machines of which there is none here: they compile and link.
cross: build/arm64/karena.ko build/arm64/libkarena.so.1 build/i386/libkarena.so.1 ## for arm64 and for 32-bit programs

cross_arm64 = $(within_arm64) env -C $(CURDIR) aarch64-linux-gnu-gcc-14
cross_i386 = $(CC) -m32
build/arm64/libkarena.so.1 build/i386/libkarena.so.1: build/%/libkarena.so.1: \
		$(wildcard userlib/*) $(headers)
	@mkdir -p $(@D)
	$(cross_$*) $(c_flags) -Werror -fPIC -shared -Wl,-z,defs \
		-Wl,--version-script,userlib/libkarena.map -o $@ $(filter %.c,$^)

host: $(hosts) ## tests that need no kernel
	vm/count host vm/host-suite $(hosts) vm/selftest-stages

models: ## go through all states of the waking protocol and its mutants
	vm/count models tests/proofs/spin

proofs: models ## models, a litmus test for each barrier, the arithmetic of positions
	vm/count litmus tests/proofs/herd
	vm/count positions tests/proofs/cbmc

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
$(linked): $(wildcard Makefile $(foreach d,uapi userlib include tests examples tools,$d/* $d/*/*)) \
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

# What repeats itself or draws at random, as long as one cares to wait.
soaked := $(patsubst tests/%.c,%,$(shell grep -lw scaled tests/*.c))
soak: export SCALE ?= 100
soak: stock bin tests ## the tests that repeat, with SCALE (100) times as many rounds
	vm/count $@ sh -c 'status=0; for test; do vm/suite stock $$test || status=1; done; \
		exit $$status' sh $(soaked)

# What the suites must reach to the last line.
cores := ranges.c ranges_find.c ranges_set.c record.c

kunit: debug ## KUnit on the debug kernel
	vm/count kunit vm/kunit
	vm/coverage kunit 100 $(cores)

selftest: stock debug build/faulty-stock/faulty.ko build/faulty-debug/faulty.ko ## whether a VM run fails when it must
	vm/count selftest vm/selftest

vm: all ## a shell in a VM with the module loaded
	vm/run --interactive -- sh -l

demo: all ## the main job, on real data
	sh examples/demo.sh

# What the rings are compared with, if it takes packages that nothing else does.
peer_bins := $(patsubst bench/peers/%.c,build/bin/%,\
	$(filter-out %.bpf.c,$(wildcard bench/peers/*.c)))
peer_programs := $(patsubst bench/peers/%.c,build/bench/%.o,$(wildcard bench/peers/*.bpf.c))

$(peer_bins): build/bin/%: bench/peers/%.c build/libkarena.a | $(headers)
	@mkdir -p $(@D)
	$(CC) $(c_flags) $(depend) -pthread -static -o $@ $< build/libkarena.a -lbpf -lelf -lz

build/bench/%.bpf.o: bench/peers/%.bpf.c $(wildcard bench/peers/*.h)
	@mkdir -p $(@D)
	clang -target bpf -O2 -g -Wall -I/usr/include/$$($(CC) -dumpmachine) -c -o $@ $<

bench-arena bench-ring bench-uring bench-native: $(peer_bins) $(peer_programs)
# make bench-ring KERNEL=newest counts on another kernel, where its peers may do better.
KERNEL ?= stock
bench-arena bench-ring bench-uring bench-vmr: bench-%: all $(KERNEL) ## instructions of each operation beside its peers'
	KERNEL=$(KERNEL) sh bench/$*.sh

bench-native: all ## nanoseconds of a record on this machine, beside its peers'
	sh bench/native.sh

coverage: kunit vm-debug ## which lines of the module the tests reach
	$(MAKE) --no-print-directory lines

# The table alone, from the counts of the last runs.
lines:
	vm/coverage "kunit suite" 90

# Gives way to machines that are emulated beside it, whose tests run out of time
# where they starve.
lint: ## checkpatch, sparse, warnings of gcc and clang, cppcheck, shellcheck
	C_FLAGS='$(c_flags)' vm/count lint nice vm/lint

# The one that is built keeps all processors busy, but fetching mostly waits.
kernels: kernel-debug kernel-newest kernel-stock kernel-clang ## fetch and build the kernels that the tests boot
all-kernels: kernels $(addprefix kernel-,debug-newest $(of12) $(of13)) ## those of check-all, too
kernel-%:
	@LATEST=yes vm/kernel $*

flavours: ## the module for every kernel there is, without a warning
	OTHERS="$$(vm/debian13 others)"; export OTHERS; \
		vm/count $@ vm/flavours $(of12) $(of13) $$OTHERS

build: all tests $(dax) $(hosts) $(fuzzers)

# For the kernels that the tests boot besides stock.
modules: debug newest

clean: ## remove what was built, not the cached kernels
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z][a-z_ -]*\):.*## \(.*\)/\1|\2/p' Makefile packaging/*.mk | \
		awk -F '|' '{ printf "%-24s %s\n", $$1, $$2 }'

.PHONY: all stock $(built) $(of12) $(of13) cross lib bin tests quick check check-all check-install models proofs host fuzz \
	fuzz-brief vm-dax kunit selftest soak vm demo bench-arena bench-native bench-ring bench-uring bench-vmr \
	coverage lint lines kernels all-kernels build flavours modules programs-arm64 clean help \
	$(addprefix vm-,stock debug newest $(vm_others) $(vm_emulated))
