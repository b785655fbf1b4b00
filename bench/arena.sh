#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What arenas cost, compared with their peers: a table, and build/bench/arena.tsv.
#
# The clock of the first guest counts instructions, so its figures are reproducible to
# within a percent, whatever the load of the host. The guest first idles until boot work
# has finished. Cache misses, TLB flushes and exceptions cost nothing there. The second
# guest has two CPUs and real time; only ratios of its figures mean something.
set -eu

cd "$(dirname "$0")/.."

counted='
set -e
sleep 10
arena_calls
arena_touch
arena_create
arena_fragments
arena_bpf /arena.bpf.o
latency
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/bench
echo $$ >/sys/fs/cgroup/bench/cgroup.procs
arena_touch .memcg
echo $$ >/sys/fs/cgroup/cgroup.procs
rmdir /sys/fs/cgroup/bench'

tsv=build/bench/arena.tsv
mkdir -p build/bench
: >"$tsv.new"
bench/measure "$tsv.new" --icount --file build/bench/arena.bpf.o:/arena.bpf.o -- \
	sh -c "$counted"
bench/measure "$tsv.new" --plain --cpus 2 -- arena_cpus
mv "$tsv.new" "$tsv"

bench/table "$tsv" <<END
karena.touch.single touch.anonymous touch.memfd touch.memfd_userfaultfd bpf_arena.touch
karena.touch.batch touch.anonymous touch.memfd touch.memfd_userfaultfd bpf_arena.touch
karena.touch.free touch.anonymous touch.memfd touch.memfd_userfaultfd
karena.touch.single.memcg touch.anonymous.memcg touch.memfd.memcg
karena.touch.batch.memcg touch.anonymous.memcg touch.memfd.memcg
karena.touch.free.memcg touch.anonymous.memcg touch.memfd.memcg
karena.alloc.1 memfd.fallocate.1 bpf_arena.alloc.1
karena.alloc.64 memfd.fallocate.64 bpf_arena.alloc.64
karena.alloc.512 memfd.fallocate.512 bpf_arena.alloc.512
karena.free.1 memfd.punch_hole.1 bpf_arena.free.1
karena.free.64 memfd.punch_hole.64 bpf_arena.free.64
karena.free.512 memfd.punch_hole.512 bpf_arena.free.512
karena.free.1.mapped memfd.punch_hole.1.mapped anonymous.dontneed.1.mapped bpf_arena.free.1.mapped
karena.free.64.mapped memfd.punch_hole.64.mapped anonymous.dontneed.64.mapped bpf_arena.free.64.mapped
karena.free.512.mapped memfd.punch_hole.512.mapped anonymous.dontneed.512.mapped bpf_arena.free.512.mapped
karena.guard.1 anonymous.guard_install.1
karena.alloc.1.frag1m karena.alloc.1.frag1k
karena.free.1.frag1m karena.free.1.frag1k
karena.create.1p memfd.create
karena.create.64t karena.create.1p
karena.close.1p memfd.close
karena.close.64t karena.close.1p
karena.create_map_touch.1p memfd.create_map_touch bpf_arena.create_map_touch
karena.create_map_touch.64t karena.create_map_touch.1p
karena.unmap_close.1p memfd.unmap_close bpf_arena.unmap_close
karena.unmap_close.64t karena.unmap_close.1p
late.ring.create_again.256m late.bpf_ring.create.256m
late.ring.close.256m late.anonymous.unmap.256m
late.ring.close_in_place.256m late.anonymous.unmap.256m
late.arena.free.256m late.anonymous.unmap.256m
late.arena.close.256m late.anonymous.unmap.256m
END
