#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What a record costs a consumer whose loop is io_uring: a table, and
# build/bench/uring.tsv. The ways that the kernel does not have are left out; those
# of a newer one come with KERNEL=7.2.
set -eu

cd "$(dirname "$0")/.."

tsv=build/bench/uring.tsv
mkdir -p build/bench
: >"$tsv.new"
bench/measure "$tsv.new" --icount -- sh -ec 'sleep 10; uring_ways'
mv "$tsv.new" "$tsv"

bench/table "$tsv" <<END
karena.wait_mmap.64 pipe.read.64 pipe.read_multishot.64
karena.poll_mmap.64 pipe.read.64 pipe.read_multishot.64
karena.read.64 pipe.read.64
karena.read_multishot.64 pipe.read_multishot.64
END
