#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Tools of --enable-static-tools: in a root that holds one of them and no other
# file, no /proc, no /dev, as in a container made from nothing.
# shellcheck disable=SC2016 # what stands in '' is for other shells

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	tool=$(command -v commit-save)
	readelf -l "$tool" >headers || skip 'no readelf'
	! grep -q 'interpreter' headers || skip 'not built with --enable-static-tools'
	mkdir -p root/tree
}

# in_root TOOL ARGUMENT...
in_root() {
	local tool=$1
	shift
	[ -e "root/$tool" ] || cp "$(command -v "$tool")" root
	if [ "$(id -u)" -eq 0 ]; then
		chroot root "/$tool" "$@"
	else
		unshare -Ur true 2>/dev/null || skip 'not root, and no user namespaces'
		unshare -Ur chroot root "/$tool" "$@"
	fi
}

@test "all five are static" {
	for tool in commit-save commit-txn commit-triple commit-range commit-recover; do
		readelf -l -d "$(command -v "$tool")" >headers
		run ! grep -E 'interpreter|NEEDED' headers
	done
}

@test "alone in a root: a save, a transaction, a range, three copies" {
	echo old >root/tree/f
	chmod 640 root/tree/f
	in_root commit-save /tree/f <<<new
	[ "$(cat root/tree/f)" = new ]
	[ "$(stat -c %a root/tree/f)" = 640 ]
	run -4 in_root commit-save /tree/f </dev/null
	printf 'write a hello\nmkdir d\nwrite d/x y\n' | in_root commit-txn script -C /tree
	[ "$(cat root/tree/a root/tree/d/x)" = helloy ]
	printf EW | in_root commit-range write --at=1 /tree/f
	[ "$(cat root/tree/f)" = nEW ]
	mkdir root/A root/B root/C
	in_root commit-triple write -q /A/x /B/x /C/x <<<copies
	rm root/B/x
	[ "$(in_root commit-triple read -q /A/x /B/x /C/x)" = copies ]
}

@test "alone in a root: recovery finishes what a crash left, and says so" {
	[ -x "$LC_FAULT_BIN/commit-txn" ] || skip 'no tools with the fault seam'
	printf 'write a old\n' | commit-txn script -C root/tree
	printf 'write a new\nwrite b new\n' >operations
	COMMIT_FAULT=1:kill:exchange run -137 "$LC_FAULT_BIN/commit-txn" script -C root/tree <operations
	[ "$(cat root/tree/a)" = old ]
	run -10 in_root commit-recover -r /tree
	echo "$output"
	[[ "$output" == *'roll-forward transaction'* ]]
	[ "$(cat root/tree/a root/tree/b)" = newnew ]
	run -0 in_root commit-recover -r --check /tree
}
