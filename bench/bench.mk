# SPDX-License-Identifier: GPL-2.0-only
#
# What operations cost, beside their peers; the Makefile includes this.
#
#   KERNEL=NAME  count on this kernel instead of the stock one: peers may do better there

KERNEL ?= stock

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
bench-arena bench-ring bench-uring bench-vmr: bench-%: all $(KERNEL) ## instructions of each operation beside its peers'
	KERNEL=$(KERNEL) sh bench/$*.sh

bench-native: all ## nanoseconds of a record on this machine, beside its peers'
	sh bench/native.sh

.PHONY: bench-arena bench-native bench-ring bench-uring bench-vmr
