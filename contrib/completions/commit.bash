# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Completion for bash: options as --help tells them, so that they are never
# behind the tools; values, commands and transactions from here.

_commit_commands='init begin put patch rm mkdir rmdir mv link symlink chmod chown setxattr status diff commit abort
	run apply script list log undo read'

# The options in the help of the tool $1
_commit_options() {
	"$1" --help 2>/dev/null | grep -oE -- '(^|[[:space:]])--[a-z][a-z-]*=?' | tr -d ' \t' | sort -u
}

# Replies with what may stand behind the option $1; 1: it takes no value
_commit_value() {
	local option=$1 current=$2 words=
	case $option in
	--symlink) words='follow replace refuse' ;;
	--hardlink) words='refuse break in-place' ;;
	--sync) words='full data none' ;;
	--backup) words='simple numbered existing none' ;;
	--no-preserve) words='mode ownership acl xattr all' ;;
	-o | --owner)
		mapfile -t COMPREPLY < <(compgen -u -- "$current")
		return 0
		;;
	-C | --root | --store | --journal-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return 0
		;;
	--from | --to | --list | --resume | --config | --prom | --html)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return 0
		;;
	--resolve)
		words=$(commit-recover --list -r . 2>/dev/null | grep -oE '[0-9a-f]{8}-[0-9a-f]{8}' |
			sed 's/.*/&:commit &:abort/')
		;;
	--validate | --validate-at-root)
		mapfile -t COMPREPLY < <(compgen -c -- "$current")
		return 0
		;;
	-e | -m | -S | --expect | --mode | --suffix | --unchanged | --ok | --wait | --block-size | --bwlimit | \
		--min-copies | --older-than | --at | --keep | --ttl | --strip-components | --exclude) ;;
	*) return 1 ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

# The transactions that commit-txn's $1 (list or log) tells of
_commit_transactions() {
	commit-txn "$1" 2>/dev/null | grep -oE '[0-9a-f]{8}-[0-9a-f]{8}'
}

# Replies with what may stand at commit-txn's operand number $2 of the command $1
_commit_txn_operand() {
	local current=$3
	case $1 in
	put | patch | rm | mkdir | rmdir | mv | link | symlink | chmod | chown | setxattr | status | diff | commit | abort)
		if [ "$2" -eq 0 ]; then
			mapfile -t COMPREPLY < <(compgen -W "@ $(_commit_transactions list)" -- "$current")
			return
		fi
		;;
	undo)
		mapfile -t COMPREPLY < <(compgen -W "$(_commit_transactions log)" -- "$current")
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -f -- "$current")
}

# Sets operands to those before the current word
_commit_operands() {
	local i
	operands=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-C | -e | -m | -o | -S) i=$((i + 1)) ;;
		=) i=$((i + 1)) ;;
		-*) ;;
		*) operands+=("${COMP_WORDS[i]}") ;;
		esac
	done
}

_commit() {
	local tool=$1 current=$2 previous=$3 i
	local -a operands
	COMPREPLY=()
	# Behind the second --, or the first behind an operand, stands a command
	_commit_operands
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [ "${COMP_WORDS[i]}" = -- ] && [ ${#operands[@]} -gt 0 ]; then
			mapfile -t COMPREPLY < <(compgen -c -f -- "$current")
			return
		fi
	done
	# The = of --option=value is a word of its own
	if [ "$current" = = ]; then
		_commit_value "$previous" '' && return
	elif [ "$previous" = = ]; then
		_commit_value "${COMP_WORDS[COMP_CWORD - 2]}" "$current" && return
	fi
	case $previous in
	-[CemoS]) _commit_value "$previous" "$current" && return ;;
	esac
	case $current in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$(_commit_options "$tool")" -- "$current")
		[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
		return 0
		;;
	esac
	case ${tool##*/}:${#operands[@]} in
	commit-txn:0) mapfile -t COMPREPLY < <(compgen -W "$_commit_commands" -- "$current") ;;
	commit-txn:*) _commit_txn_operand "${operands[0]}" $((${#operands[@]} - 1)) "$current" ;;
	commit-triple:0) mapfile -t COMPREPLY < <(compgen -W 'write read check repair status' -- "$current") ;;
	commit-range:0) mapfile -t COMPREPLY < <(compgen -W 'write apply log' -- "$current") ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
	esac
}

complete -o filenames -F _commit commit-save commit-txn commit-triple commit-range commit-recover
