# SPDX-License-Identifier: GPL-2.0-only
#
# awk -v arch=AArch64|X86 -f tests/proofs/machine.awk TEST.litmus: write a litmus test of the
# kernel's model as one of a machine's own instructions: those that compilers make of the
# same operations in user space (C11), as the library has them. It knows what the tests of
# shared rings use: one statement on a line, no branches. Exchanges on arm64 are those of
# the first processors, which order less than swpal; they succeed at once.
#
#   operation            arm64              x86
#   WRITE_ONCE           str                mov
#   READ_ONCE            ldr                mov
#   ... followed by seq_cst (a load)
#                        ldar               mov
#   smp_store_release    stlr               mov
#   smp_load_acquire     ldar               mov
#   xchg                 ldaxr, stlxr       xchg
#   xchg_relaxed         ldxr, stxr         xchg
#   smp_wmb              dmb ish            -
#   smp_mb               dmb ish            mfence

# The register of r0, r1 ... in a program, and in the last line.
function result(name) {
	if (arch == "AArch64")
		return "W" substr(name, 2)
	return substr("EAXEBXECX", substr(name, 2) * 3 + 1, 3)
}

# That of a value to be stored.
function value() {
	return arch == "AArch64" ? "W9" : "EDX"
}

function address(name) {
	if (arch == "X86")
		return "[" name "]"
	if (!(name in register)) {
		register[name] = "X" (10 + nr_registers++)
		names[nr_registers] = name
	}
	return "[" register[name] "]"
}

function emit(instruction) {
	program[thread, ++length_of[thread]] = instruction
}

function store(name, number, release) {
	if (arch == "X86") {
		emit("MOV " address(name) ",$" number)
		return
	}
	emit("MOV " value() ",#" number)
	emit((release ? "STLR " : "STR ") value() "," address(name))
}

function load(to, name, acquire) {
	if (arch == "X86")
		emit("MOV " result(to) "," address(name))
	else
		emit((acquire ? "LDAR " : "LDR ") result(to) "," address(name))
}

function exchange(to, name, number, relaxed) {
	if (arch == "X86") {
		emit("MOV " result(to) ",$" number)
		emit("XCHG " address(name) "," result(to))
		return
	}
	emit("MOV " value() ",#" number)
	emit((relaxed ? "LDXR " : "LDAXR ") result(to) "," address(name))
	emit((relaxed ? "STXR " : "STLXR ") "W8," value() "," address(name))
	succeeds = succeeds " /\\ " thread ":X8=0"
}

# What stands between the parentheses of the operation: variable and number.
function argument(nr, text) {
	text = $0
	sub(/.*\(/, "", text)
	sub(/\).*/, "", text)
	split(text, parts, ", *")
	sub(/^\*/, "", parts[nr])
	return parts[nr]
}

BEGIN { thread = -1 }
NR == 1 { print arch, $2; next }
/^\(\*/ { comment = 1 }
comment { if (/\*\)/) comment = 0; next }
thread < 0 && /^\{/ { initial = !/\}/; next }
initial { if (/^\}/) initial = 0; else values = values $0; next }
/^P[0-9]/ { thread++; next }
/^exists/ { exists = $0; next }
/WRITE_ONCE/ { store(argument(1), argument(2), 0); next }
/smp_store_release/ { store(argument(1), argument(2), 1); next }
/READ_ONCE/ { load($1, argument(1), /seq_cst/); next }
/smp_load_acquire/ { load($1, argument(1), 1); next }
/xchg/ { exchange($1, argument(1), argument(2), /relaxed/); next }
/smp_wmb/ { if (arch == "AArch64") emit("DMB ISH"); next }
/smp_mb/ { emit(arch == "AArch64" ? "DMB ISH" : "MFENCE"); next }
/^[{}]|^[ \t]*$|^\tint/ { next }
{ print "machine.awk: cannot translate: " $0 >"/dev/stderr"; failed = 1; exit 1 }

END {
	if (failed)
		exit 1
	print "{" values
	for (i = 1; i <= nr_registers; i++) {
		for (t = 0; t <= thread; t++)
			printf "%d:X%d=%s; ", t, 9 + i, names[i]
		print ""
	}
	print "}"
	for (t = 0; t <= thread; t++) {
		printf "%s P%d", t ? " |" : "", t
		if (length_of[t] > lines)
			lines = length_of[t]
	}
	print " ;"
	for (i = 1; i <= lines; i++) {
		for (t = 0; t <= thread; t++)
			printf "%s %s", t ? " |" : "", program[t, i]
		print " ;"
	}
	while (match(exists, /:r[0-9]/)) {
		name = result(substr(exists, RSTART + 1, 2))
		if (arch == "AArch64")
			sub(/^W/, "X", name)
		exists = substr(exists, 1, RSTART) name substr(exists, RSTART + RLENGTH)
	}
	sub(/\)$/, succeeds ")", exists)
	print exists
}
