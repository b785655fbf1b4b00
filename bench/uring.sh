#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What a record costs a consumer whose loop is io_uring: a table, and
# build/bench/uring.tsv. The ways that the kernel does not have are left out; those
# of a newer one come with KERNEL=newest. Then how many go from one processor to another,
# in a guest that has two of them.
set -eu

cd "$(dirname "$0")/.."

tsv=build/bench/uring.tsv
mkdir -p build/bench
: >"$tsv.new"
bench/measure "$tsv.new" --icount -- sh -ec 'sleep 10; uring_ways'
bench/measure "$tsv.new" --plain --file build/bench/ring.bpf.o:/ring.bpf.o -- \
	sh -ec 'sleep 5; uring_streams; ring_bpf /ring.bpf.o stream'
mv "$tsv.new" "$tsv"

bench/table "$tsv" <<END
karena.wait_mmap.64 pipe.read.64 pipe.read_multishot.64
karena.wait_once_mmap.64 pipe.read.64 pipe.read_multishot.64
karena.poll_mmap.64 pipe.read.64 pipe.read_multishot.64
karena.read.64 pipe.read.64
karena.read_multishot.64 pipe.read_multishot.64
karena.poll_mmap.64.two_cpus bpf.epoll.64.two_cpus
karena.read.64.two_cpus pipe.read.64.two_cpus eventfd.read.two_cpus
karena.read_multishot.64.two_cpus pipe.read_multishot.64.two_cpus
karena.wait_mmap.64.two_cpus bpf.epoll.64.two_cpus pipe.read_multishot.64.two_cpus
karena.wait_once_mmap.64.two_cpus bpf.epoll.64.two_cpus pipe.read_multishot.64.two_cpus
END
