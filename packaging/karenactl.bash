# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of karenactl for bash: commands, processes, and of a process the
# descriptors of its arenas and rings.

_karenactl()
{
	local word=${COMP_WORDS[COMP_CWORD]} words

	if [[ $COMP_CWORD -eq 1 ]]; then
		words='query list show help --help --version'
	elif [[ ${COMP_WORDS[1]} == show && $COMP_CWORD -gt 2 ]]; then
		words=$(karenactl list "${COMP_WORDS[2]}" 2>/dev/null | awk 'NR > 1 { print $3 }')
	elif [[ ${COMP_WORDS[1]} == list && $word == -* ]]; then
		words=--json
	elif [[ ${COMP_WORDS[1]} == list || ${COMP_WORDS[1]} == show ]]; then
		words=$(karenactl list --json 2>/dev/null | grep -o '"pid":[0-9]*' | cut -d : -f 2 | sort -u)
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _karenactl karenactl
