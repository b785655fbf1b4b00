#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What reservations cost, compared with mmap() by hand: a table, and
# build/bench/vmr.tsv.
#
# Instructions are counted in a guest that first idles until boot work has finished.
# Nanoseconds are this machine's, on its own kernel; only their ratios mean
# something.
set -eu

cd "$(dirname "$0")/.."

tsv=build/bench/vmr.tsv
mkdir -p build/bench
: >"$tsv.new"
bench/measure "$tsv.new" --icount -- sh -c 'sleep 10; vmr'
build/bin/vmr --native >>"$tsv.new"
mv "$tsv.new" "$tsv"

for way in '' .native; do
	for maps in 10 1000 10000; do
		for what in new_delete map_unmap.memfd map_unmap.anonymous \
			map_unmap.moved map_unmap.arena; do
			echo "vmr.$what.$maps$way fixed.$what.$maps$way"
		done
		echo "vmr.find.$maps$way vmr.find.10$way"
	done
done | bench/table "$tsv"
