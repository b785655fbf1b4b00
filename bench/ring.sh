#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What records cost, compared with rings' peers: a table, and build/bench/ring.tsv.
#
# The clock of the first guest counts instructions, so its figures are reproducible to
# within a percent, whatever the load of the host. The guest first idles until boot work
# has finished. Cache misses and locked operations cost nothing there. The second guest
# has two CPUs and real time; only ratios of its figures mean something.
set -eu

cd "$(dirname "$0")/.."

tsv=build/bench/ring.tsv
mkdir -p build/bench
: >"$tsv.new"
bench/measure "$tsv.new" --icount --file build/bench/ring.bpf.o:/ring.bpf.o -- \
	sh -ec 'sleep 10; ring_calls; uring_producers; ring_attach; ring_waits; ring_ck
		ring_cycles count; ring_bpf /ring.bpf.o
		insmod /lib/modules/karena_bench.ko; ring_kernel; rmmod karena_bench'
bench/measure "$tsv.new" --plain --cpus 2 --file build/bench/ring.bpf.o:/ring.bpf.o -- \
	sh -ec 'insmod /lib/modules/karena_bench.ko; ring_cpus /ring.bpf.o; rmmod karena_bench'
mv "$tsv.new" "$tsv"

bench/table "$tsv" <<END
cpus.karena.1p cpus.bpf.1p
cpus.karena.1p.least cpus.bpf.1p.least
cpus.karena.1p.consumed cpus.bpf.1p.consumed
cpus.karena.1p.consumed.least cpus.bpf.1p.consumed.least
cpus.karena.2p cpus.bpf.2p
cpus.karena.2p.least cpus.bpf.2p.least
cpus.karena.2p.consumed cpus.bpf.2p.consumed
cpus.karena.2p.consumed.least cpus.bpf.2p.consumed.least
cycle.shared_32.8 cycle.mutex.8 cycle.record.8
cycle.shared_32.64 cycle.mutex.64 cycle.record.64
cycle.shared_32.1024 cycle.mutex.1024 cycle.record.1024
karena.write.8 pipe.send.8 unix_dgram.send.8 netlink.send.8 posix_mq.send.8
karena.write.64 pipe.send.64 unix_dgram.send.64 netlink.send.64 posix_mq.send.64
karena.output.8 pipe.send.8 unix_dgram.send.8 netlink.send.8 posix_mq.send.8
karena.output.64 pipe.send.64 unix_dgram.send.64 netlink.send.64 posix_mq.send.64
karena.read.8 pipe.receive.8 unix_dgram.receive.8 netlink.receive.8 posix_mq.receive.8
karena.read.64 pipe.receive.64 unix_dgram.receive.64 netlink.receive.64 posix_mq.receive.64
karena.reserve_submit.8 karena.output.8
karena.output_batch.8 pipe.writev.8 unix_dgram.sendmmsg.8
karena.output_batch.64 pipe.writev.64 unix_dgram.sendmmsg.64
karena.output_batch.8.in_place pipe.writev.8 unix_dgram.sendmmsg.8
karena.reserve_finish_batch.8 pipe.writev.8 unix_dgram.sendmmsg.8
karena.uring_output.8 karena.output.8 karena.uring_write.8
karena.uring_reserve_submit.8 karena.reserve_submit.8
karena.uring_arena_alloc karena.arena_alloc
karena.consume.8 bpf.consume.8
karena.consume.64 bpf.consume.64
karena.consume.1024 bpf.consume.1024
karena.consume.8.callback bpf.consume.8
karena.kernel.reserve_submit.8 bpf.reserve_submit.8
karena.kernel.reserve_submit.64 bpf.reserve_submit.64
karena.kernel.reserve_submit.1024 bpf.reserve_submit.1024
karena.kernel.output.8 bpf.output.8
karena.kernel.output.64 bpf.output.64
karena.kernel.output.1024 bpf.output.1024
karena.kernel.dynptr.8 bpf.dynptr.8
karena.kernel.reserve.full bpf.reserve.full
waiting_producers.karena.1 waiting_producers.pipe.1
waiting_producers.karena.10 waiting_producers.pipe.10 waiting_producers.karena.1
waiting_producers.karena.100 waiting_producers.pipe.100 waiting_producers.karena.1
forced_record.pollers_for_space.1000 forced_record.pollers_for_space.1
hop.karena.read hop.pipe.read hop.eventfd.read
hop.karena.wait hop.pipe.read
hop.karena.poll hop.pipe.poll
hop.karena.epoll hop.pipe.epoll
late.karena.wait.1000us late.ppoll.1000us
END
