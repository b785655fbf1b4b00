#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What a record costs on this machine's own processors, with the record core, the core of
# shared rings, a BPF ring buffer of its kernel, ck_ring, and a ring under a robust mutex: a
# table, and build/bench/native.tsv.
#
# Times only mean something as ratios. Medians are less reliable the more other load the
# machine has; the last row reports that load. .least is the time of the best round in
# which all threads had their processors to themselves. Locked operations are counted in
# the module's code.
set -eu

cd "$(dirname "$0")/.."

tab=$(printf '\t')
tsv=build/bench/native.tsv
mkdir -p build/bench

# Count them in the function $1 of kmod/ring.c: lock prefixes, xchg with memory, and the
# call that takes the lock.
locked() {
	objdump -dr --no-show-raw-insn build/stock/kmod/ring.o |
		awk -v name="<$1>:" '$2 == name { on = 1 } !NF { on = 0 } on' |
		grep -cE 'lock |xchg .*\(|_raw_spin_lock-'
}

{
	for call in reserve submit; do
		printf '%s\t%s\t%s\n' "karena.kernel.$call.locked" \
			"$(locked karena_ring_$call)" 'locked operations'
	done
	build/bin/ring_native build/bench/ring.bpf.o | grep "$tab.*$tab"
	build/bin/ring_cycles | grep "$tab.*$tab"
} >"$tsv.new"
mv "$tsv.new" "$tsv"

{
	for case in 1p 1p.consumed 2p 2p.consumed; do
		echo "native.record.$case native.bpf.$case native.ck_ring.$case"
		echo "native.record.$case.least native.bpf.$case.least native.ck_ring.$case.least"
		for grain in 8 16 32 64; do
			echo "native.shared_$grain.$case native.mutex.$case native.record.$case"
		done
	done
	for grain in 8 16 32 64; do
		echo "pair.shared_$grain.8 pair.mutex.8 pair.record.8"
		for length in 8 64 256 1024 4096; do
			echo "cycle.shared_$grain.$length cycle.mutex.$length cycle.record.$length"
		done
	done
} | bench/table "$tsv"
