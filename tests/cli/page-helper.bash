# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# shellcheck disable=SC2034 # the files that load this use the variables
#
# For the tests of commit-recover --html, after txn-helper and store-helper: a tree
# in which there is something of everything, and what stands in a page.

# What could be taken for HTML, for a command, for a line, and for no text at all
strange=$'<b>&"x\'\n\e[1m$(id)\xff\xe2\x80\xae'

# left_by FAULT DIR [OPTION...]: DIR/f, and what a save of it leaves that was killed there
left_by() {
	local spec=$1 dir=$2
	shift 2
	mkdir -p "$dir"
	[ -e "$dir/f" ] || printf 'old\n' >"$dir/f"
	printf 'new\n' >"$ROOT/content"
	killed "$spec" commit-save "$@" "$dir/f" <"$ROOT/content"
	LEFT=$(find "$dir" -maxdepth 1 -name '.commit-*')
}

# world: the store of root has a history, and a commit that somebody got in the way of,
# its id in $T; beside it lies what saves have left
world() {
	local n
	commit-txn init -C root --keep=20 2>/dev/null
	for n in 1 2 3 4; do
		head -c $((10 ** n)) /dev/zero | commit-txn run -C root -- commit-txn put @ "part-$n"
	done
	commit-txn undo -C root "$(commit-txn log -C root | sed -n '$s/^[0-9]* \([^ ]*\) .*/\1/p')"
	pends 1:kill:exchange
	printf 'theirs\n' >root/b
	mkdir quiet
	commit-txn init -C quiet
	left_by 1:kill:fsync staged
	left_by 2:kill:fsync inplace --in-place
	printf 'theirs\n' >inplace/f
	mkdir displaced
	printf 'old\n' >displaced/f
	left_by 1:kill:unlink displaced -e "$(commit-save --token displaced/f)"
	printf 'theirs\n' >"$LEFT"
	left_by 1:kill:fsync "$strange"
	left_by 2:kill:fsync "in $strange" --in-place
	printf 'theirs\n' >"in $strange/f"
}
